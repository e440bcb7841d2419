"""Refuses graphs whose nodes contradict each other, before anything is computed by them."""
from collections.abc import Mapping
from typing import Any

from .graph import Graph
from .operations import OPERATIONS
from .operations.checks import MOST_CHANNELS, Shape, check_same, check_whole


def check_graph(graph: Graph) -> None:
    """Refuse a graph in which a node does not fit its inputs, settings or weights.

    torch would refuse some of it at the first image, and take other channels than meant, or a map
    of any size, for the rest; the kernel reads maps as the architecture describes them.

    Args:
        graph (Graph): Its weights have their shapes; their values are not looked at.

    Raises:
        ValueError: Naming the node.
    """
    shapes: dict[str, Shape] = {}
    for node in graph:
        operation, inputs = OPERATIONS[node.op], [shapes[name] for name in node.inputs]
        low, high = operation.reads
        try:
            check_whole('the number of inputs', len(inputs), low, high)
            operation.check(node, inputs)
            channels = operation.width(node, [shape.channels for shape in inputs])
            check_whole('the number of channels', channels, 1, MOST_CHANNELS)
        except ValueError as error:
            raise ValueError(f'{node.name} ({node.op}): {error}') from None
        shapes[node.name] = Shape(channels, operation.level(node, inputs[0].level if inputs else 0))
    images = sum(OPERATIONS[node.op].is_image for node in graph)
    check_whole('the number of images', images, 0, 1)  # 0: all of it is constant
    _check_outputs(graph, shapes)


def _check_outputs(graph: Graph, shapes: Mapping[str, Any]) -> None:
    for name in graph.outputs if graph.flatten else ():
        check_same(f'the size of the output {name}', shapes[name].level, [1, 1])
