"""1x1 convolutions as products of matrices, for training on CPUs."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def can_run(x: Tensor) -> bool:
    """Whether a product gains something: a map in channels_last, not in mixed precision.

    torch's convolutions go image by image, and their gradients take up to twice as long.
    """
    return (x.device.type == 'cpu' and x.dtype in (torch.float32, torch.float64)
            and x.is_contiguous(memory_format=torch.channels_last) and not _mixed_precision())


def pointwise(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """``conv(x)`` of a 1x1 convolution with stride 1 and without groups.

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
