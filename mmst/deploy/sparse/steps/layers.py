"""Writes the layers of a sparse network, as ``kernel/layers_read.h`` reads them."""
from typing import Any

import numpy as np

from ..nodes import Mixer
from ..rows import SparseRows
from ..sparse_block import SparseSearchBlock
from ..sparse_conv import SparseConv
from ..sparse_neck import CoarseInput
from ..sparse_stem import SparseStem
from ..transformer_plan import DIM
from .blob import Blob, no_rows, rows_of


def write_conv(blob: Blob, conv: SparseConv) -> None:
    """Write a convolution."""
    _conv(blob, conv.weight, conv.bias, conv.stride, conv.relu)


def write_stem(blob: Blob, stem: SparseStem) -> None:
    """Write the two convolutions of a stem."""
    _conv(blob, stem.first, stem.first_bias, 2, True)
    _conv(blob, stem.second, stem.bias, 2, True)


def write_block(blob: Blob, block: SparseSearchBlock) -> None:
    """Write a search block: its live and its constant channels, its residual, its Transformer."""
    live, constant = block.live, block.constant
    hidden, inputs = live.expand.shape
    size, outputs = live.taps.shape[-1], block.out_channels
    blob.numbers(inputs, outputs, hidden, len(constant.taps), size, block.stride,
                 bool(block.transformer))
    for values in (live.expand_bias, live.depthwise_bias, constant.bias, constant.expand_bias,
                   constant.depthwise_bias):
        blob.floats(values)
    for matrix in (live.expand, live.taps.flatten(1), live.project, block.residual,
                   constant.taps.flatten(1), constant.project):
        blob.matrix(SparseRows.of(matrix), matrix.shape[1])
    if block.transformer:
        _transformer(blob, block.transformer.values)


def write_coarse(blob: Blob, coarse: CoarseInput, channels: int, sampled: np.ndarray) -> None:
    """Write a coarser input of a neck: its addition, and the channels that are sampled of it."""
    blob.numbers(coarse.count > 0, channels, len(sampled))
    blob.integers(sampled)
    if coarse.count:
        write_conv(blob, coarse.conv)
        blob.integers(coarse.hidden)
        blob.integers(coarse.outputs)


def _conv(blob: Blob, weight: np.ndarray, bias: np.ndarray, stride: int, relu: bool) -> None:
    outputs, inputs, size, _ = weight.shape
    blob.numbers(outputs, inputs, size, stride, relu)
    blob.floats(bias)
    blob.matrix(SparseRows.of(weight.reshape(outputs, -1)), inputs * size * size)


def _transformer(blob: Blob, t: dict[str, Any]) -> None:
    tokens = t['tokens']
    blob.numbers(tokens, t['inputs'], t['outputs'])
    blob.integers(t['channels'])
    blob.integers(t['targets'])
    blob.floats(t['places'])
    blob.floats(t['coordinates'])
    blob.floats(t['bias'])
    blob.floats(t['queries'][:, :tokens])
    blob.matrix(rows_of(t['input'], DIM), t['inputs'])
    blob.matrix(rows_of(t['output'], DIM), tokens)
    _layers(blob, t)


def write_mixer(blob: Blob, mixer: Mixer) -> None:
    """Write both layers of a compacted network's Transformer."""
    t = mixer.structure.values
    blob.numbers(t['tokens'], t['outputs'])
    blob.integers(t['targets'])
    blob.floats(t['queries'][:, :t['tokens']])
    _layers(blob, t)


def _layers(blob: Blob, t: dict[str, Any]) -> None:
    for name in ('encoder', 'decoder'):
        _layer(blob, t[name].values, t['padded'], name == 'encoder')


def _layer(blob: Blob, layer: dict[str, Any], padded: int, queries: bool) -> None:
    """Write a layer without its unread outputs; a decoder's queries are projected already."""
    wide = layer['feedforward']
    blob.numbers(layer['attends'], layer['feeds'], wide)
    blob.floats([layer['eps1'], layer['eps2']])
    for name, count, columns, read in (
            ('query', DIM, DIM, queries and layer['attends']),
            *((name, DIM, DIM, layer['attends']) for name in ('key', 'value', 'out')),
            ('widen', wide, DIM, layer['feeds']), ('narrow', DIM, wide, layer['feeds'])):
        blob.matrix(rows_of(layer[name], padded) if read else no_rows(count), columns)
    for name in ('scale1', 'shift1', 'scale2', 'shift2'):
        blob.floats(layer[name])
