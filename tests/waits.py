"""Counts how often a GPU would be waited for, on a CPU."""
import torch
from torch.overrides import TorchFunctionMode


class Waits(TorchFunctionMode):
    """Counts calls for which a GPU would be waited for."""

    WAIT = {torch.Tensor.tolist, torch.Tensor.item, torch.Tensor.__bool__, torch.Tensor.__float__,
            torch.Tensor.__int__, torch.Tensor.__index__, torch.Tensor.nonzero, torch.nonzero,
            torch.Tensor.cpu, torch.Tensor.numpy, torch.masked_select, torch.Tensor.masked_select}

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        values = [*args, *(kwargs or {}).values()]
        masked = func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and any(
            torch.is_tensor(v) and v.dtype == torch.bool for v in values[1:])
        # Its value, where it is a tensor, is looked at on the processor.
        filled = func is torch.Tensor.masked_fill_ and torch.is_tensor(args[2])
        self.count += func in self.WAIT or masked or filled
        return func(*args, **(kwargs or {}))
