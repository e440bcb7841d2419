"""Computes 1x1 convolutions as products of matrices, for training on CPUs.

torch's convolution in channels_last makes a product for each image where it runs on one thread.
"""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.unmodified import is_unmodified


def can_run(x: Tensor, conv: nn.Module) -> bool:
    """Return whether a product takes a plain 1x1 convolution of a channels_last map on a CPU.

    In float32 or float64, not in mixed precision.
    """
    return (is_unmodified(conv, nn.Conv2d) and conv.kernel_size == conv.stride == (1, 1)
            and conv.groups == 1 and conv.padding == (0, 0) and x.device.type == 'cpu'
            and x.dtype in (torch.float32, torch.float64)
            and x.is_contiguous(memory_format=torch.channels_last) and not _mixed_precision())


def pointwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return ``conv(x)`` of a 1x1 convolution with stride 1 and without groups.

    Args:
        x (Tensor): (N, in_channels, H, W), best in channels_last, which the result is in too.
        conv (nn.Conv2d): The convolution.

    Returns:
        Tensor: (N, out_channels, H, W).
    """
    y = F.linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias)
    return y.permute(0, 3, 1, 2)


def _mixed_precision() -> bool:
    try:
        return torch.is_autocast_enabled('cpu')
    except TypeError:  # torch before 2.4
        return torch.is_autocast_cpu_enabled()
