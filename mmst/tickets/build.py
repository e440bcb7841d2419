"""Builds the network that a file describes, of classes that the file may ask for."""
from collections.abc import Mapping
from typing import Any

from mmengine.registry import DefaultScope
from torch import Tensor, nn

from ..models.build import build_model
from .bounded import bounding
from .registered import check_network, check_settings, only_registered


def build_network(cfg: Any, scope: str | None, state: Mapping[str, Tensor],
                  light: bool = False) -> nn.Module:
    """Return the network of a config that came with a file, without the file's weights.

    It imports, reads and executes nothing that the config names, and takes no more memory than a
    multiple of the weights that came with it. It may be larger than they are: a search has removed
    units since, and they are removed when the weights are loaded.

    Args:
        cfg (Mapping | list): Plain data.
        scope (str, optional): The toolbox that class names belong to.
        state (Mapping[str, Tensor]): The weights.
        light (bool): As in :func:`mmst.tickets.bounded.bounding`.

    Raises:
        TicketError: It asks for more, or uses a forbidden name.
        Exception: Of the constructors of all toolboxes anything can come.
    """
    settings = check_settings(cfg, scope)
    with only_registered(), DefaultScope.overwrite_default_scope(scope):
        check_network(settings)
        with bounding(sum(value.numel() for value in state.values()), len(state), light):
            return build_model(settings)
