"""Takes channels of small maps rather than of large ones."""
from ..compact.graph import Graph


def select_late(graph: Graph) -> Graph:
    """Let a choice of channels and the resizing to a fixed size after it change places, in place.

    A Transformer reads some channels on a grid of 8x8: the kernel would copy these whole first. The
    numbers stay the same, since resizing treats each channel by itself.
    """
    readers = graph.consumers()
    for node in graph:
        if node.op != 'resize' or isinstance(node.settings['size'], int):
            continue
        before = graph.nodes[node.inputs[0]]
        if before.op == 'select' and readers[before.name] == [node.name]:
            # Names stay, so that the nodes around them need no change.
            before.op, node.op = node.op, before.op
            before.settings, node.settings = node.settings, before.settings
    return graph
