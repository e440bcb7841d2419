"""Lets the searched parts of a model replay their training passes."""
from torch import nn

from ..search.units import find_units
from .graph_group import GraphGroup
from .graphed import GraphedForward
from .side_streams import SideStreams


def graph_parts(model: nn.Module, sides: SideStreams | None = None) -> list[GraphedForward]:
    """Let the searched parts of ``model`` replay their training passes; ``remove`` undoes it.

    Args:
        model (nn.Module): Whose children are the parts.
        sides (SideStreams, optional): Those of the parts' paths that run side by side.
    """
    group = GraphGroup(sides)
    found = [GraphedForward(part, group) for part in model.children()
             if find_units(part) and 'forward' not in vars(part)]
    for graphed in found:
        graphed.module.forward = graphed
    return found
