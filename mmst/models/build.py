"""Builds a network from its settings, for rehearsals, tools and files alike."""
import copy
from collections.abc import Mapping
from typing import Any

from mmengine.config import ConfigDict
from torch import nn

from ..registry import MODELS
from ..search.adapters import accept_searched_states


def build_model(settings: Any, file: Mapping[str, Any] | None = None) -> nn.Module:
    """Return a new network on the CPU that takes on the narrower weights of a search.

    Names of classes belong to the present default scope.

    Args:
        settings (Mapping | list): Of a network or a part of one; they are copied, as some models
            change theirs. A list is a sequence of modules.
        file (Mapping[str, Any], optional): The content of the file whose weights will be loaded.

    Raises:
        Exception: Of the constructors of all toolboxes anything can come.
    """
    # Toolboxes read some settings as attributes.
    own = ConfigDict(whole=copy.deepcopy(settings)).whole
    return accept_searched_states(MODELS.build(own), file)
