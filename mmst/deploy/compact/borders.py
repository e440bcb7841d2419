"""Finds the constants that would differ at the borders, and the convolutions that make them."""
from collections.abc import Mapping

import torch
from torch import Tensor

from .channels import LIVE, UNIFORM, Channels
from .graph import Graph
from .operations import OPERATIONS
from .taps import has_borders, live_inputs, uniform_kernel


def padded_constants(graph: Graph, known: Mapping[str, Channels]) -> dict[str, Tensor]:
    """Return, by convolution, its constant channels (bool) that a zero-padded one reads.

    Only convolutions with a live input are named: those of others have no map to be part of.
    """
    found: dict[str, Tensor] = {}
    for node in graph:
        if node.op == 'conv' and node.settings['padding']:
            source = known[node.inputs[0]]
            borders = has_borders(node, uniform_kernel(node, source))
            taps = live_inputs(node) & borders[:, None]
            read = taps.view(node.settings['groups'], -1, taps.shape[1]).any(1).flatten()
            marks = read & (source.kind == UNIFORM) & (source.value != 0)
            _mark_makers(graph, known, node.inputs[0], marks, found)
    return found


def _mark_makers(graph: Graph, known: Mapping[str, Channels], name: str, marks: Tensor,
                 found: dict[str, Tensor]) -> None:
    """Go back from a node's channels to the convolutions that they come from."""
    node, marks = graph.nodes[name], marks & (known[name].kind == UNIFORM)
    if not node.inputs or not bool(marks.any()):
        return
    inputs = [known[x] for x in node.inputs]
    if node.op == 'conv':
        if bool((inputs[0].kind == LIVE).any()):
            found[name] = found.get(name, torch.zeros_like(marks)) | marks
        return
    for source, asked in zip(node.inputs, OPERATIONS[node.op].ask(node, marks, inputs),
                             strict=True):
        _mark_makers(graph, known, source, asked, found)
