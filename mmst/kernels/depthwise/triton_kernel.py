"""Launches the Triton kernels on tensors."""
import logging
from collections.abc import Callable, Sequence
from functools import cache, wraps
from types import ModuleType
from typing import Any, TypeVar

import torch
from mmengine.logging import print_log
from torch import Tensor

from ..constant_result import mark_constant
from .library import out_shape
from .maps import channels_last, empty_map

T = TypeVar('T')
TYPES = (torch.float32, torch.bfloat16, torch.float16)
#: Pixels and channels of a program; pixels where it sums over them.
BLOCK_X, BLOCK_C, BLOCK_SUM = 16, 32, 8
#: Programs that weight gradients are split into, about.
PROGRAMS = 2048
SIZES = (1, 3, 5, 7)


@mark_constant
@cache
def available() -> bool:
    """Return whether Triton can be used; where it is installed and cannot, the log says why.

    On Linux it comes with torch for CUDA. What starts its kernels it builds itself: that takes a C
    compiler, Python's headers, and a folder that it may write to.
    """
    try:
        import triton
        triton.runtime.driver.active.get_current_target()
    except ImportError:
        return False
    except Exception as error:  # of the compiler, the file system or the driver
        reason = (str(error) or type(error).__name__).splitlines()[0]
        print_log('Depthwise convolutions are computed by torch, as Triton cannot be used here '
                  f'({reason}). Remedy: install gcc and Python\'s headers, or set '
                  'default_hooks.fast.kernel=False.', 'current', logging.WARNING)
        return False
    return True


def can_run(weights: Sequence[Tensor]) -> bool:
    """Return whether each kernel size comes once."""
    sizes = [w.shape[-1] for w in weights if len(w)]
    return len(set(sizes)) == len(sizes)


def _on_device(launch: Callable[..., T]) -> Callable[..., T]:
    """Launch on the GPU of the first tensor; Triton by itself takes the current one."""

    @wraps(launch)
    def there(first: Tensor, *args: Any) -> T:
        with torch.cuda.device_of(first):
            return launch(first, *args)

    return there


@_on_device
def forward(x: Tensor, weights: Sequence[Tensor], stride: int) -> Tensor:
    """Return depthwise convolutions of slices of ``x`` (N, C, H, W), in channels_last."""
    x = channels_last(x)
    y = empty_map(x, out_shape(x, stride))
    plan = _plan(_shapes(weights), False, x.device)
    _jit().forward[_grid(y, plan)](x, y, _pack(weights, plan), plan, *_sizes(x, y), stride, BLOCK_X,
                                   BLOCK_C)
    return y


@_on_device
def input_gradient(gradient: Tensor, shape: Sequence[int], weights: Sequence[Tensor],
                   stride: int) -> Tensor:
    """Return the gradient of the input of ``shape``, from that of the output."""
    gradient = channels_last(gradient)
    found = empty_map(gradient, shape)
    plan = _plan(_shapes(weights), False, gradient.device)
    _jit().input_gradient[_grid(found, plan)](
        gradient, found, _pack(weights, plan), plan, *_sizes(found, gradient), stride, BLOCK_X,
        BLOCK_C)
    return found


@_on_device
def weight_gradients(gradient: Tensor, x: Tensor, weights: Sequence[Tensor],
                     stride: int) -> list[Tensor]:
    """Return gradients of the weights, from those of the output: partial sums, then their sum."""
    gradient, x = channels_last(gradient), channels_last(x)
    plan = _plan(_shapes(weights), True, x.device)
    rows, sizes = gradient.shape[0] * gradient.shape[2], [w.numel() for w in weights]
    parts = min(rows, -(-PROGRAMS // len(plan)))
    partial = torch.empty((parts, sum(sizes)), dtype=torch.float32, device=x.device)
    _jit().weight_gradient[parts, len(plan)](
        gradient, x, partial, plan, *_sizes(x, gradient), rows, sum(sizes), stride, BLOCK_SUM,
        BLOCK_C)
    sums = partial.sum(0).to(weights[0].dtype).split(sizes)
    return [part.view(w.shape) for part, w in zip(sums, weights, strict=True)]


@cache
def _jit() -> ModuleType:
    from . import triton_jit
    return triton_jit


@cache  # without a bound, as CUDA graphs hold their addresses; each takes less than a kilobyte
def _plan(shapes: tuple[tuple[int, int], ...], by_row: bool, device: torch.device) -> Tensor:
    """Return rows of ``triton_jit``'s plan, for each block of channels or each of its rows of taps.
    """
    found, start, weights = [], 0, 0
    for width, size in shapes:
        for inside in range(0, width, BLOCK_C):
            block = size, start + inside, inside, width - inside, width, weights
            found += [(*block, row) for row in range(size if by_row else 1)]
        start, weights = start + width, weights + width * size * size
    return torch.tensor(found, dtype=torch.int32, device=device)


def _shapes(weights: Sequence[Tensor]) -> tuple[tuple[int, int], ...]:
    return tuple((len(w), w.shape[-1]) for w in weights)


def _pack(weights: Sequence[Tensor], plan: Tensor) -> Tensor:
    """Return all taps, in the order in which the kernels read them."""
    taps = torch.empty(sum(w.numel() for w in weights), dtype=weights[0].dtype, device=plan.device)
    by_size: dict[int, Tensor] = {w.shape[-1]: w.contiguous() for w in weights if len(w)}
    pointers = [by_size.get(size, taps) for size in SIZES]  # of the others nothing is read
    _jit().pack[SIZES[-1]**2, len(plan)](*pointers, taps, plan, BLOCK_C)
    return taps


def _sizes(x: Tensor, y: Tensor):
    return x.shape[2], x.shape[3], x.shape[1], y.shape[2], y.shape[3]


def _grid(out: Tensor, plan: Tensor):
    images, _, height, width = out.shape
    return images * height * -(-width // BLOCK_X), len(plan)
