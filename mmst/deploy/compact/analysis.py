"""Finds the channels that depend on the image, those that are constant, and those needed."""
import torch
from torch import Tensor

from .channels import LIVE, UNIFORM, Channels
from .graph import Graph, positions
from .operations import OPERATIONS
from .shapes import levels
from .writer import Findings


def analyse(graph: Graph) -> Findings:
    """Return the facts of a graph that its rewriting needs."""
    known = classify(graph)
    need = find_needed(graph, known)
    return Findings(known, need, zeros_for_sums(graph, known, need), levels(graph))


def classify(graph: Graph) -> dict[str, Channels]:
    """Return the kinds of all channels, from the image on."""
    found: dict[str, Channels] = {}
    for node in graph:
        found[node.name] = OPERATIONS[node.op].channels(node, [found[x] for x in node.inputs])
    return found


def find_needed(graph: Graph, known: dict[str, Channels]) -> dict[str, Tensor]:
    """Return, as bool tensors, the channels that an output depends on; from the outputs back.

    Uniform channels need nothing before them: their number goes into biases.
    """
    need = {name: torch.zeros(len(c), dtype=torch.bool) for name, c in known.items()}
    for name in graph.outputs:
        need[name][:] = True
    for node in reversed(list(graph)):
        wanted = need[node.name] & (known[node.name].kind != UNIFORM)
        if node.inputs and bool(wanted.any()):
            inputs = [known[name] for name in node.inputs]
            asked = OPERATIONS[node.op].ask(node, wanted, inputs)
            for source, channels, own in zip(node.inputs, inputs, asked, strict=True):
                need[source] |= own & (channels.kind != UNIFORM)
    return need


def zeros_for_sums(graph: Graph, known: dict[str, Channels],
                   need: dict[str, Tensor]) -> dict[str, list[int]]:
    """Return channels that a convolution gives as zeros because a sum with live ones wants them.

    A row of zeros costs less than sorting the others into their places.
    """
    found: dict[str, list[int]] = {name: [] for name in graph.nodes}
    readers = graph.consumers()
    for node in reversed(list(graph)):
        for source in node.inputs:
            maker = OPERATIONS[graph.nodes[source].op]
            if len(readers[source]) > 1 or not (maker.has_bias or maker.passes_bias):
                continue
            if node.op == 'add':
                live = need[node.name] & (known[node.name].kind == LIVE)
                found[source] = positions(live & (known[source].kind != LIVE))
            elif OPERATIONS[node.op].passes_bias and found[node.name]:
                found[source] = list(found[node.name])
    return found
