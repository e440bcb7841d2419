"""Answers questions about tensors of millions of entries in one pass."""
import numpy as np
import torch
from torch import Tensor


def count_true(mask: Tensor) -> int:
    """Count the True entries; on a CPU NumPy takes a fraction of torch's time."""
    if mask.device.type == 'cpu':
        return int(np.count_nonzero(mask.detach().numpy()))
    return int(mask.sum())


def all_finite(values: Tensor) -> bool:
    """Say whether all entries are finite: extremes are NaN where an entry is."""
    if not values.numel():
        return True
    if not values.is_floating_point():
        return bool(values.isfinite().all())
    return bool(torch.stack(torch.aminmax(values.detach())).isfinite().all())
