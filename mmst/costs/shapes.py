"""Gives feature maps their shapes without torch's rules, which took most of a search's time."""
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

#: Functions whose output has the shape of their first argument.
SAME_SHAPE = (F.relu, torch.relu, F.layer_norm, F.batch_norm)


class ShapesOnly(TorchFunctionMode):
    """Gives the frequent operations of a supernet their shapes at once, on the meta device.

    Torch runs some hundred operations there for an interpolation or a norm. Shapes, precision and
    memory format are torch's; that a norm fits its input is not checked. All other functions, and
    all other devices, are left to torch.
    """

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (),
                           kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if args and isinstance(args[0], torch.Tensor) and args[0].device.type == 'meta':
            x = args[0]
            if func in SAME_SHAPE:
                return x if kwargs.get('inplace') else torch.empty_like(x)
            size = args[1] if len(args) > 1 else kwargs.get('size')
            if func is F.interpolate and isinstance(size, (list, tuple)):
                rows = (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)
                        and not x.is_contiguous())
                return torch.empty(
                    (*x.shape[:2], *size), dtype=x.dtype, device='meta',
                    memory_format=torch.channels_last if rows else torch.contiguous_format)
        return func(*args, **kwargs)
