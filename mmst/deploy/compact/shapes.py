"""Derives from a graph's structure alone: channels, sizes, dependence on the image."""
from .graph import Graph
from .operations import OPERATIONS


def widths(graph: Graph) -> dict[str, int]:
    """Return channels of every node."""
    found: dict[str, int] = {}
    for node in graph:
        found[node.name] = OPERATIONS[node.op].width(node, [found[name] for name in node.inputs])
    return found


def levels(graph: Graph) -> dict[str, int | list[int]]:
    """Return how often each map's height and width are halved, rounding up; or its fixed size."""
    found: dict[str, int | list[int]] = {}
    for node in graph:
        before = found[node.inputs[0]] if node.inputs else 0
        found[node.name] = OPERATIONS[node.op].level(node, before)
    return found


def static(graph: Graph) -> dict[str, bool]:
    """Return for each node whether it does not depend on the image."""
    found: dict[str, bool] = {}
    for node in graph:
        found[node.name] = (not OPERATIONS[node.op].is_image and
                            all(found[name] for name in node.inputs))
    return found
