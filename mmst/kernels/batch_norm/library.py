"""Calls the compiled kernel's functions on tensors."""
import ctypes
from collections.abc import Sequence
from ctypes import Structure, byref, c_double, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..native.build import build_or_log

SOURCE = Path(__file__).parent / 'kernel' / 'batch_norm.cpp'
#: Names of the types in the functions' names.
TYPES = {torch.float32: 'float', torch.float64: 'double'}


class Norm(Structure):
    """Describes a call; fields as in ``kernel/batch_norm.cpp``."""
    _fields_ = [('rows', c_int64), ('channels', c_int32), ('relu', c_int32), ('eps', c_double),
                ('momentum', c_double),
                *((name, c_void_p) for name in (
                    'x', 'weight', 'bias', 'running_mean', 'running_var', 'mean', 'inverse_std',
                    'slope', 'shift', 'y', 'y_gradient', 'x_gradient', 'weight_gradient',
                    'bias_gradient'))]


@cache
def kernel() -> ctypes.CDLL | None:
    """Return the compiled functions, or None where they cannot be had; the log says why."""
    return build_or_log(SOURCE, 'Training without the BN kernel, by torch\'s layers')


def forward(x: Tensor, bn: nn.BatchNorm2d, relu: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return the normalised map, and mean and 1 / standard deviation of each channel, (C, ) both.

    Running statistics of ``bn`` are updated.
    """
    y = torch.empty_like(x, memory_format=torch.channels_last)
    mean, inverse_std = _forward(x, bn, ('mean', 'inverse_std'), relu, y=y)
    return y, mean, inverse_std


def statistics(x: Tensor, bn: nn.BatchNorm2d) -> list[Tensor]:
    """Return mean, 1 / standard deviation, and slope and shift of the normalisation, (C, ) each.

    Running statistics of ``bn`` are updated.
    """
    return _forward(x, bn, ('mean', 'inverse_std', 'slope', 'shift'))


def _forward(x: Tensor, bn: nn.BatchNorm2d, wanted: Sequence[str], relu: bool = False,
             **maps: Tensor) -> list[Tensor]:
    assert bn.momentum is not None and bn.running_mean is not None and bn.running_var is not None
    found = {name: torch.empty_like(bn.weight) for name in wanted}
    _call('forward', x, relu, bn.eps, bn.momentum, weight=bn.weight, bias=bn.bias,
          running_mean=bn.running_mean, running_var=bn.running_var, **found, **maps)
    return list(found.values())


def backward(gradient: Tensor, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor,
             inverse_std: Tensor, relu: bool, input_wanted: bool) -> list[Tensor | None]:
    """Return gradients of the input (if it is wanted), weight and bias, from that of the output."""
    # Hooks that pack saved tensors may have changed their memory format.
    x, gradient = (t.contiguous(memory_format=torch.channels_last) for t in (x, gradient))
    for_weight, for_bias = torch.empty_like(weight), torch.empty_like(bias)
    for_x = torch.empty_like(x) if input_wanted else None
    given: Any = {} if for_x is None else dict(x_gradient=for_x)
    _call('backward', x, relu, weight=weight, bias=bias, mean=mean, inverse_std=inverse_std,
          y_gradient=gradient, weight_gradient=for_weight, bias_gradient=for_bias, **given)
    return [for_x, for_weight, for_bias]


def _call(name: str, x: Tensor, relu: bool, eps: float = 0., momentum: float = 0.,
          **tensors: Tensor) -> None:
    pointers = {key: t.data_ptr() for key, t in tensors.items()}
    call = Norm(x.numel() // x.shape[1], x.shape[1], relu, eps, momentum, x.data_ptr(), **pointers)
    getattr(kernel(), f'{name}_{TYPES[x.dtype]}')(byref(call), torch.get_num_threads())
