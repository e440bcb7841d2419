"""Pads channel counts to multiples of a number by channels that are 0 throughout."""
from .graph import Graph
from .operations import OPERATIONS
from .padder import Padder
from .shapes import widths


def pad(graph: Graph, multiple: int) -> Graph:
    """Return the same function with channel counts that are multiples of ``multiple``.

    Tokens are not padded, since each takes part in every softmax; nor are the outputs. Grouped
    convolutions other than depthwise ones become dense ones.
    """
    if multiple == 1:
        return graph
    padder = Padder(graph, multiple, widths(graph), _exact(graph))
    for node in graph:
        padder.layouts[node.name] = OPERATIONS[node.op].pad(node, padder)
    padder.new.outputs += [padder.strip(name) for name in graph.outputs]
    return padder.new.drop_unread()


def _exact(graph: Graph) -> set[str]:
    """Return the nodes whose channels are tokens or outputs, and those that feed nothing else."""
    readers = graph.consumers()
    found = {name for name in graph.outputs if len(readers[name]) == 1}
    for node in reversed(list(graph)):
        alone = [name for name in node.inputs if len(readers[name]) == 1]
        operation = OPERATIONS[node.op]
        if operation.counts_channels or (node.name in found and operation.keeps_channels):
            found.update(alone)
    return found
