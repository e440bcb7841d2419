"""Calls the compiled kernel's functions on tensors."""
import ctypes
from collections.abc import Sequence
from ctypes import POINTER, Structure, c_int32, c_void_p
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from ..constant_result import mark_constant
from ..native.build import build_or_log
from .maps import channels_last, empty_map

SOURCE = Path(__file__).parent / 'kernel' / 'depthwise.cpp'
#: Names of the types in the functions' names.
TYPES = {torch.float32: 'float', torch.float64: 'double'}
#: Largest kernel size; a row's taps are unrolled.
LARGEST = 7


class Slice(Structure):
    """Describes channels that share a kernel size; fields as in ``kernel/depthwise.cpp``."""
    _fields_ = [('size', c_int32), ('start', c_int32), ('width', c_int32), ('weight', c_void_p),
                ('gradient', c_void_p)]


class Maps(Structure):
    """Describes the maps of a call."""
    _fields_ = [*((name, c_int32) for name in ('images', 'height', 'width', 'channels',
                                               'out_height', 'out_width', 'stride', 'slices')),
                ('slice', POINTER(Slice)),
                *((name, c_void_p) for name in ('slope', 'shift', 'x', 'x_gradient', 'y_gradient',
                                                'y'))]


@cache
def kernel() -> ctypes.CDLL | None:
    """Return the compiled functions, or None where they cannot be had; the log says why."""
    return build_or_log(SOURCE, 'Training without the depthwise kernel, by torch\'s convolutions')


@mark_constant
def available() -> bool:
    """Return whether there is a kernel; settled once, while torch.compile traces too."""
    return kernel() is not None


def forward(x: Tensor, weights: Sequence[Tensor], stride: int,
            norm: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Return depthwise convolutions of slices of ``x`` (N, C, H, W), in channels_last.

    With ``norm``, slope and shift of each channel, (C, ) both, of ``relu(x * slope + shift)``.
    """
    y = empty_map(x, out_shape(x, stride))
    _call('forward', x.shape, y.shape, stride, weights, norm=norm, x=x, y=y)
    return y


def input_gradient(gradient: Tensor, shape: Sequence[int], weights: Sequence[Tensor],
                   stride: int) -> Tensor:
    """Return the gradient of the input of ``shape``, from that of the output."""
    found = empty_map(gradient, shape)
    _call('backward', shape, gradient.shape, stride, weights, x_gradient=found,
          y_gradient=gradient)
    return found


def weight_gradients(gradient: Tensor, x: Tensor, weights: Sequence[Tensor], stride: int,
                     norm: tuple[Tensor, Tensor] | None = None) -> list[Tensor]:
    """Return the weights' gradients from those of the output; ``norm`` as in ``forward``."""
    found = [torch.empty_like(w, memory_format=torch.contiguous_format) for w in weights]
    _call('backward', x.shape, gradient.shape, stride, weights, found, norm, x=x,
          y_gradient=gradient)
    return found


def out_shape(x: Tensor, stride: int) -> tuple[int, int, int, int]:
    """Return the shape of the output: sizes round up."""
    images, channels, height, width = x.shape
    return images, channels, -(-height // stride), -(-width // stride)


def _call(name: str, in_shape: Sequence[int], shape: Sequence[int], stride: int,
          weights: Sequence[Tensor], gradients: Sequence[Tensor] = (),
          norm: tuple[Tensor, Tensor] | None = None, **maps: Tensor) -> None:
    weights = [w.detach().contiguous() for w in weights]
    maps = {key: channels_last(t) for key, t in maps.items()}
    slices, start = (Slice * len(weights))(), 0
    for i, w in enumerate(weights):
        gradient = gradients[i].data_ptr() if gradients else None
        slices[i] = Slice(w.shape[-1], start, w.shape[0], w.data_ptr(), gradient)
        start += w.shape[0]
    images, channels, height, width = in_shape
    slope, shift = (None, None) if norm is None else (t.data_ptr() for t in norm)
    call = Maps(images, height, width, channels, *shape[2:], stride, len(weights), slices, slope,
                shift, **{key: t.data_ptr() for key, t in maps.items()})
    function = getattr(kernel(), f'{name}_{TYPES[weights[0].dtype]}')
    function(ctypes.byref(call), torch.get_num_threads())
