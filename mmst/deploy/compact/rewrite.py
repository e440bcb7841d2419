"""Rewrites a graph without the dead and constant parts of it."""
from .analysis import analyse
from .channels import COMPUTED
from .graph import Graph
from .operations import OPERATIONS
from .shapes import widths
from .tidy import tidy
from .writer import Writer

_WITH_BIAS = frozenset(name for name, op in OPERATIONS.items() if op.has_bias)
_PASSING_BIAS = frozenset(name for name, op in OPERATIONS.items() if op.passes_bias)


def fixed_point(graph: Graph, borders: bool = True) -> Graph:
    """Return :func:`rewrite` until nothing changes any more."""
    while True:
        smaller = tidy(rewrite(graph, borders))
        if smaller.form() == graph.form():
            return graph
        graph = smaller


def rewrite(graph: Graph, borders: bool = True) -> Graph:
    """Return the same function with fewer channels, tokens and operations.

    Uniform channels go into biases. Of the others only those are kept that an output depends on;
    maps that depend on the image and maps that do not are computed apart, the latter only once for
    each input size, so that borders stay exact.

    Args:
        graph (Graph): To be rewritten.
        borders (bool): Whether there may be such maps. Without them a few constant channels are
            computed for each image, and the network has fewer operations. Defaults to True.
    """
    for node in graph:
        node.tensors = OPERATIONS[node.op].reduce(node.tensors)
    writer = Writer(graph, analyse(graph, borders), _WITH_BIAS, _PASSING_BIAS)
    shared = {name for name, readers in graph.consumers().items() if len(readers) > 1}
    for node in graph:
        for kind in COMPUTED:
            wanted = writer.needed_channels(node.name, kind)
            if wanted:
                part = OPERATIONS[node.op].write(node, kind, wanted, writer)
                writer.parts[kind][node.name] = part
        if node.name in shared:
            for kind in COMPUTED:
                writer.keep_as_it_is(writer.parts[kind][node.name])
    count = widths(graph)
    for name in graph.outputs:
        label = name if name.endswith('/out') else f'{name}/out'
        writer.new.outputs.append(writer.whole(name, range(count[name]), label))
    return writer.new.drop_unread()
