"""Rounds a sparse network's weights to eight bits, as the C library's files of int8 hold them."""
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from ..eight_bits import round_weight, rows_in_eight_bits
from .fold import FoldedMixConv
from .library import Layer, Rows, Structure
from .nodes import Mixer
from .sparse_block import SparseSearchBlock
from .sparse_conv import SparseConv
from .sparse_stem import SparseStem


def round_weights(network: nn.Module) -> int:
    """Round the weights of all layers of the kernel, in place, a scale for each output of a matrix.

    Biases, queries and constants stay in single precision, and so does all arithmetic.

    Args:
        network (nn.Module): Sparse already, and not run yet.

    Returns:
        int: How many layers were rounded.
    """
    count = 0
    for module in network.modules():
        if isinstance(module, SparseStem):
            module.first, module.second = _dense(module.first), _dense(module.second)
        elif isinstance(module, SparseConv):
            module.weight = _dense(module.weight)
        elif isinstance(module, SparseSearchBlock):
            module.live, module.constant = _path(module.live), _path(module.constant)
            module.residual = _dense(module.residual)
            if module.transformer:
                _structure(module.transformer)
        elif isinstance(module, Mixer):
            _structure(module.structure)
        else:
            continue
        count += 1
    return count


def _dense(weight: np.ndarray) -> np.ndarray:
    return round_weight(weight).astype(weight.dtype)


def _path(folded: FoldedMixConv) -> FoldedMixConv:
    expand, taps, project = (torch.from_numpy(_dense(weight.numpy()))
                             for weight in (folded.expand, folded.taps, folded.project))
    return replace(folded, expand=expand, taps=taps, project=project)


def _structure(structure: Structure) -> None:
    """Round all matrices of a structure, where the kernel reads them."""
    for part in structure.values.values():
        if isinstance(part, Rows):
            start, value = part.values['start'], part.values['value']
            scale, units = rows_in_eight_bits(start, value)
            counts = np.diff(start)
            value[:] = np.repeat(scale, counts[counts > 0]) * units
        elif isinstance(part, Layer):
            _structure(part)
