"""Finds the channels that depend on the image, those that are constant, and those needed."""
from collections.abc import Mapping

import torch
from torch import Tensor

from .borders import padded_constants
from .channels import LIVE, UNIFORM, Channels
from .graph import Graph, positions
from .operations import OPERATIONS
from .shapes import levels
from .writer import Findings


def analyse(graph: Graph, borders: bool = True) -> Findings:
    """Return the facts of a graph that its rewriting needs; see ``rewrite`` for ``borders``."""
    known = classify(graph) if borders else classify_without_borders(graph)
    need = find_needed(graph, known)
    return Findings(known, need, zeros_for_sums(graph, known, need), levels(graph))


def classify(graph: Graph, live: Mapping[str, Tensor] | None = None) -> dict[str, Channels]:
    """Return the kinds of all channels, from the image on.

    Args:
        graph (Graph): Of any form.
        live (Mapping[str, Tensor], optional): Bool, by node: channels that count as live whatever
            they read.
    """
    found: dict[str, Channels] = {}
    for node in graph:
        known = OPERATIONS[node.op].channels(node, [found[x] for x in node.inputs])
        found[node.name] = known.as_live(live[node.name]) if live and node.name in live else known
    return found


def classify_without_borders(graph: Graph) -> dict[str, Channels]:
    """Return the kinds where constants that zero padding would bound are computed as live channels.

    A channel more of a map that is computed anyway needs no operations of its own, as maps for the
    borders do.
    """
    live: dict[str, Tensor] = {}
    while True:
        known = classify(graph, live)
        found = padded_constants(graph, known)
        grown = {name: live.get(name, torch.zeros_like(marks)) | marks
                 for name, marks in found.items()}
        if all(name in live and torch.equal(live[name], marks) for name, marks in grown.items()):
            return known
        live.update(grown)


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
            if len(inputs) == 1 and bool((wanted & (known[node.name].kind == LIVE)).any()):
                asked = [_with_a_live_one(asked[0], inputs[0])]
            for source, channels, own in zip(node.inputs, inputs, asked, strict=True):
                need[source] |= own & (channels.kind != UNIFORM)
    return need


def _with_a_live_one(asked: Tensor, source: Channels) -> Tensor:
    """Return ``asked``, with the first live channel if there is none: live maps are made of one."""
    live = source.kind == LIVE
    if bool((asked & live).any()) or not bool(live.any()):
        return asked
    first = torch.zeros_like(asked)
    first[int(live.int().argmax())] = True
    return asked | first


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
