"""Chooses the function for an operation of a compacted network that has no convolution."""
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from torch import nn

from ...models.hrnas.coordinate_map import coordinate_map
from ..compact.graph import Graph, Node
from ..compact.shapes import widths
from ..compact.token_mixer import TokenMixer
from .engine_settings import EngineSettings
from .mixer_plan import takes_mixer
from .nodes import Double, Gather, GraphNode, Mean, Mixer, Ones, Resize, Shift, Sum, Values


def make_node(graph: Graph, node: Node, module: nn.Module | None,
              settings: EngineSettings) -> GraphNode | None:
    """Return the function that runs a node without convolutions; None: the kernel has none.

    Args:
        graph (Graph): The node's.
        node (Node): To be run.
        module (nn.Module, optional): With its weights, where it has some.
        settings (EngineSettings): Shared by the modules of a network.
    """
    chosen = node.settings
    if node.op == 'mixer':
        mixer = cast(TokenMixer, module)
        return Mixer(mixer, chosen['tokens'], settings) if takes_mixer(
            mixer, chosen['tokens']) else None
    makers: Mapping[str, Any] = dict(
        add=lambda: Sum(settings), relu=lambda: Shift(settings, relu=True),
        bias=lambda: Shift(settings, node.tensors['bias']),
        resize=lambda: Resize(chosen['size'], settings),
        upsample=lambda: Double(chosen['level'], settings), mean=lambda: Mean(settings),
        ones=lambda: Ones(chosen['level'], settings),
        coordinates=lambda: Values(coordinate_map(), settings),
        select=lambda: Gather([0] * len(chosen['index']), chosen['index'], settings),
        place=lambda: _place(chosen['index'], chosen['channels'], settings),
        concat=lambda: _concat([widths(graph)[name] for name in node.inputs], settings))
    return makers[node.op]() if node.op in makers else None


def _place(index: Sequence[int], channels: int, settings: EngineSettings) -> Gather:
    sources, places = np.full(channels, -1), np.zeros(channels, int)
    sources[index], places[index] = 0, np.arange(len(index))
    return Gather(cast(Sequence[int], sources), cast(Sequence[int], places), settings)


def _concat(counts: Sequence[int], settings: EngineSettings) -> Gather:
    sources = np.repeat(np.arange(len(counts)), counts)
    places = np.concatenate([np.arange(count) for count in counts])
    return Gather(cast(Sequence[int], sources), cast(Sequence[int], places), settings)
