"""Gives feature maps their shapes without torch's rules, which took most of a search's time."""
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: Functions whose output has the shape of their first argument.
SAME_SHAPE = (F.relu, torch.relu, F.layer_norm, F.batch_norm)
ADD = (torch.add, Tensor.add, Tensor.__add__)


class ShapesOnly(TorchFunctionMode):
    """Gives the frequent operations of a supernet their shapes at once, on the meta device.

    Torch runs some hundred operations there for an interpolation or a norm, and imports its
    compiler for a sum, a concatenation or attention. Shapes, precision and memory format are
    torch's; that a norm fits its input is not checked. All other functions, all other devices, and
    sums and concatenations of unlike tensors are left to torch.
    """

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        found = None
        if args and _on_meta(args[0]):
            found = _shape_of(func, args, kwargs)
        elif func is torch.cat and args and all(map(_on_meta, args[0])):
            found = _concatenation(args[0], *args[1:], **kwargs)
        return func(*args, **kwargs) if found is None else found


def _shape_of(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
              ) -> Tensor | None:
    x = args[0]
    if func in SAME_SHAPE:
        return x if kwargs.get('inplace') else torch.empty_like(x)
    if func in ADD and not kwargs and len(args) == 2:
        return torch.empty_like(x) if _on_meta(args[1]) and _adds_to(x, args[1]) else None
    if func is F.scaled_dot_product_attention and len(args) == 3:
        return _attention(args[0], args[1], args[2], kwargs.get('attn_mask'))
    size = args[1] if len(args) > 1 else kwargs.get('size')
    if func is F.interpolate and isinstance(size, (list, tuple)):
        return _like(x, (*x.shape[:2], *size))
    return None


def _attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor | None:
    fit = (all(x.dim() == 3 and _on_meta(x) and x.shape[0] == query.shape[0]
               and x.dtype == query.dtype for x in (query, key, value))
           and query.shape[2] == key.shape[2] and key.shape[1] == value.shape[1])
    if not fit or mask is not None:
        return None
    return torch.bmm(torch.bmm(query, key.transpose(1, 2)), value)  # whose multiply-adds count


def _concatenation(tensors: Sequence[Tensor], dim: int = 0, **others: Any) -> Tensor | None:
    first = tensors[0]
    if others or not first.dim() or not all(_are_alike(first, x, dim) for x in tensors[1:]):
        return None
    shape = list(first.shape)
    shape[dim] = sum(x.shape[dim] for x in tensors)
    return _like(first, shape)


def _adds_to(x: Tensor, other: Tensor) -> bool:
    """Return whether a sum has shape, precision and memory format of ``x``."""
    if x.shape == other.shape or x.dtype != other.dtype:
        return _are_alike(x, other)
    fits = zip(reversed(x.shape), reversed(other.shape), strict=False)
    return (other.dim() <= x.dim() and all(n in (1, m) for m, n in fits)
            and x.is_contiguous(memory_format=_format_of(x)))


def _like(x: Tensor, shape: Sequence[int]) -> Tensor:
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=_format_of(x))


def _are_alike(x: Tensor, other: Tensor, dim: int | None = None) -> bool:
    """Return whether two tensors have one precision, memory format, and shape but for ``dim``."""
    shapes = [list(t.shape) for t in (x, other)]
    if dim is not None and x.dim() == other.dim() and -x.dim() <= dim < x.dim():
        del shapes[0][dim], shapes[1][dim]
    dense = all(t.is_contiguous(memory_format=_format_of(t)) for t in (x, other))
    return (shapes[0] == shapes[1] and x.dim() == other.dim() and x.dtype == other.dtype and dense
            and _format_of(x) == _format_of(other))


def _format_of(x: Tensor) -> torch.memory_format:
    rows = (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
            and not x.is_contiguous())
    return torch.channels_last if rows else torch.contiguous_format


def _on_meta(x: Any) -> bool:
    return isinstance(x, Tensor) and x.device.type == 'meta'
