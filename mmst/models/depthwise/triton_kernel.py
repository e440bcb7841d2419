"""Triton kernels on tensors. They have been run by Triton's interpreter only, on no GPU."""
from functools import lru_cache
from types import ModuleType
from typing import List, Sequence

import torch
from torch import Tensor

from .library import out_shape

TYPES = (torch.float32, torch.bfloat16, torch.float16)
#: Pixels and channels of a program; parts into which the rows of a weight gradient are split.
BLOCK_X, BLOCK_C, PARTS = 16, 32, 64


@torch.compiler.assume_constant_result
@lru_cache(maxsize=None)
def available() -> bool:
    """Whether Triton is installed (on Linux it comes with torch for CUDA)."""
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True


def forward(x: Tensor, weights: Sequence[Tensor], stride: int) -> Tensor:
    """Depthwise convolutions of slices of ``x`` (N, C, H, W), in channels_last."""
    x = _last(x)
    y = _empty(x, out_shape(x, stride))
    for w, start in _slices(weights):
        if len(w):
            _jit().forward[_grid(y, w)](x, w, y, *_sizes(x, y), start, len(w), w.shape[-1], stride,
                                        BLOCK_X, BLOCK_C)
    return y


def input_gradient(gradient: Tensor, shape: Sequence[int], weights: Sequence[Tensor],
                   stride: int) -> Tensor:
    """Gradient of the input of ``shape``, from that of the output."""
    gradient = _last(gradient)
    found = _empty(gradient, shape)
    for w, start in _slices(weights):
        if len(w):
            _jit().input_gradient[_grid(found, w)](
                gradient, w, found, *_sizes(found, gradient), start, len(w), w.shape[-1], stride,
                BLOCK_X, BLOCK_C)
    return found


def weight_gradients(gradient: Tensor, x: Tensor, weights: Sequence[Tensor],
                     stride: int) -> List[Tensor]:
    """Gradients of the weights, from those of the output: partial sums, then their sum."""
    gradient, x = _last(gradient), _last(x)
    found, rows = [], gradient.shape[0] * gradient.shape[2]
    parts = min(PARTS, rows)
    for w, start in _slices(weights):
        partial = torch.empty((parts, *w.shape), dtype=torch.float32, device=w.device)
        grid = parts, w.shape[-1]**2, -(-len(w) // BLOCK_C)
        if len(w):
            _jit().weight_gradient[grid](gradient, x, partial, rows, *_sizes(x, gradient), start,
                                         len(w), w.shape[-1], stride, BLOCK_X, BLOCK_C)
        found.append(partial.sum(0).to(w.dtype))
    return found


@lru_cache(maxsize=None)
def _jit() -> ModuleType:
    from . import triton_jit
    return triton_jit


def _slices(weights: Sequence[Tensor]):
    """Weights, each with its first channel of the map."""
    start = 0
    for w in weights:
        yield w.contiguous(), start
        start += len(w)


def _sizes(x: Tensor, y: Tensor):
    return x.shape[2], x.shape[3], x.shape[1], y.shape[2], y.shape[3]


def _grid(out: Tensor, weight: Tensor):
    images, _, height, width = out.shape
    return images * height * -(-width // BLOCK_X), -(-len(weight) // BLOCK_C)


def _last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _empty(like: Tensor, shape: Sequence[int]) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device,
                       memory_format=torch.channels_last)
