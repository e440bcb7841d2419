"""Returns the inputs of linear maps from the arguments of the torch functions that compute them.

An input is all that a row of weights is multiplied with at one position. Each function takes the
arguments of its namesake in ``torch.nn.functional``.
"""
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

#: Positions of a map that are looked at, in a regular grid.
POSITIONS = 1024
#: A weight and its inputs (groups, weights of a row, positions).
Windows = tuple[Tensor, Tensor]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Iterator[Windows]:
    """Yield the weight with its inputs, of one group."""
    yield weight, _as_positions(input)


def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
           padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Iterator[Windows]:
    """Yield the weight with its inputs, of at most about ``POSITIONS`` positions an image."""
    x = input.detach().float()
    x = x if x.dim() == 4 else x[None]
    kernel, stride, dilation = weight.shape[2:], _pair(stride), _pair(dilation)
    if isinstance(padding, str):
        total = [d * (k - 1) if padding == 'same' else 0
                 for d, k in zip(dilation, kernel, strict=True)]
        x, padding = F.pad(x, [p for t in total[::-1] for p in (t // 2, t - t // 2)]), 0
    padding = _pair(padding)
    outputs = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in zip(
        x.shape[2:], padding, dilation, kernel, stride, strict=True)]
    step = max(1, math.ceil(math.sqrt(math.prod(outputs) / POSITIONS)))
    found = F.unfold(x, tuple(kernel), dilation, padding, tuple(step * s for s in stride))
    images, _, positions = found.shape
    length = math.prod(weight.shape[1:])
    grouped = found.view(images, groups, length, positions)
    yield weight, grouped.permute(1, 2, 0, 3).reshape(groups, length, -1)


def multi_head_attention_forward(*args: Any, **kwargs: Any) -> Iterator[Windows]:
    """Yield the projections with their inputs: of queries, keys and values, one group each where
    they share a matrix, and of what the heads put together.
    """
    call = _ATTENTION.bind(*args, **kwargs)
    call.apply_defaults()
    given = call.arguments
    inputs = [_as_positions(given[name]) for name in ('query', 'key', 'value')]
    if given['use_separate_proj_weight']:
        for name, windows in zip(('q', 'k', 'v'), inputs, strict=True):
            yield given[f'{name}_proj_weight'], windows
    else:
        longest = max(windows.shape[-1] for windows in inputs)  # zeros add nothing to the moments
        yield given['in_proj_weight'], torch.cat([
            F.pad(windows, (0, longest - windows.shape[-1])) for windows in inputs])
    # What the heads put together is what an identity in the place of the last projection gives.
    weight = given['out_proj_weight']
    given.update(out_proj_weight=torch.eye(weight.shape[1], dtype=weight.dtype,
                                           device=weight.device),
                 out_proj_bias=None, need_weights=False, training=False)
    heads, _ = F.multi_head_attention_forward(*call.args, **call.kwargs)
    yield weight, _as_positions(heads)


_ATTENTION = inspect.signature(F.multi_head_attention_forward)
#: What a layer computes, to its weights and their inputs.
WINDOWS: Mapping[Any, Callable[..., Iterator[Windows]]] = {
    F.linear: linear, F.conv2d: conv2d,
    F.multi_head_attention_forward: multi_head_attention_forward}


def _as_positions(x: Tensor) -> Tensor:
    """Return (1, weights of a row, positions) of inputs (…, weights of a row)."""
    x = x.detach().float()
    return (x.flatten(0, -2) if x.dim() > 1 else x[None]).T[None]


def _pair(value: Any) -> tuple[int, ...]:
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value, )
    return numbers * 2 if len(numbers) == 1 else numbers
