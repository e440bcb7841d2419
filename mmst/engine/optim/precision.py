"""Chooses the precision of mixed-precision training."""
import torch


def native_precision() -> str:
    """Return ``'bfloat16'`` where the GPU computes in it, else ``'float16'``.

    Cards before compute capability 8 only emulate bfloat16, and are faster in float16.
    """
    return 'bfloat16' if torch.cuda.get_device_capability() >= (8, 0) else 'float16'
