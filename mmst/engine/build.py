"""Builds the network of a run's config; errors name the config's key."""
from mmengine.config import Config
from torch import nn

from ..models import build
from .explain import Places, explained


def build_model(cfg: Config) -> nn.Module:
    """Build the model on the CPU, ready for searched weights; constructors check settings.

    Raises:
        MMSTError: It cannot be built, in one line with key, value and remedy.
    """
    with explained(Places(cfg), 'model'):
        return build.build_model(cfg.model)
