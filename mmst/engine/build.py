"""Builds the network of a run's config, and its runner."""
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from torch import nn

from ..models import build
from .explain import Places, explaining


def build_model(cfg: Config, places: Places | None = None) -> nn.Module:
    """Build the model on the CPU, ready for searched weights; constructors check settings.

    Args:
        cfg (Config): The whole config.
        places (Places, optional): Of the config; it notes the parts of the model.

    Raises:
        MMSTError: It cannot be built, in one line with key, value and remedy.
    """
    with explaining(places or Places(cfg), 'model'):
        return build.build_model(cfg.model)


def build_runner(cfg: Config) -> Runner:
    """Return mmengine's runner, or the config's own."""
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
