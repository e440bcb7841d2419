"""Computes 1x1 convolutions as products of matrices.

On CPUs in training: torch's convolution in channels_last makes a product for each image where it
runs on one thread. On GPUs so that a search, which changes numbers of channels, leads to no new
plan of cuDNN; groups of one input or one output channel each become sums or multiples there.
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


def can_multiply(x: Tensor, conv: nn.Module) -> bool:
    """Return whether ``multiply`` takes a plain 1x1 convolution of a map: any stride, groups.

    Zero padding alone. Not where a dimension is empty.
    """
    return (is_unmodified(conv, nn.Conv2d) and conv.kernel_size == (1, 1)
            and conv.padding == (0, 0) and x.dim() == 4 and x.numel() > 0
            and conv.weight.numel() > 0)


def multiply(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Return ``conv(x)`` of a 1x1 convolution without any convolution.

    Args:
        x (Tensor): (N, in_channels, H, W).
        conv (nn.Conv2d): The convolution.

    Returns:
        Tensor: (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """
    if conv.stride != (1, 1):
        x = x[:, :, ::conv.stride[0], ::conv.stride[1]]
    if conv.groups > 1:
        return _multiply_groups(x, conv)
    if x.is_contiguous(memory_format=torch.channels_last):
        return pointwise(x, conv)
    n, _, height, width = x.shape
    weight = conv.weight.flatten(1).expand(n, -1, -1)
    y = torch.bmm(weight, x.flatten(2)).unflatten(2, (height, width))
    return y if conv.bias is None else y + conv.bias.to(y.dtype)[:, None, None]


def _multiply_groups(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """Multiply each group's channels by its weights, and sum over its input channels."""
    groups, dtype = conv.groups, _precision(x)  # autocast knows convolutions, not multiples
    weight = conv.weight.to(dtype).flatten(1).unflatten(0, (groups, -1))  # (groups, out, in)
    parts = x.to(dtype).unflatten(1, (groups, -1))
    # A loop over a group's input channels, which are few: no map of all pairs is ever held.
    total = parts[:, :, None, 0] * weight[:, :, 0, None, None]
    for i in range(1, weight.shape[2]):
        total = total + parts[:, :, None, i] * weight[:, :, i, None, None]
    y = total.flatten(1, 2)
    return y if conv.bias is None else y + conv.bias.to(dtype)[:, None, None]


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


def _mixed_precision(device: str = 'cpu') -> bool:
    try:
        return torch.is_autocast_enabled(device)
    except TypeError:  # torch before 2.4
        return torch.is_autocast_cpu_enabled() if device == 'cpu' else torch.is_autocast_enabled()


def _precision(x: Tensor) -> torch.dtype:
    """Return the precision in which a convolution of ``x`` computes: autocast's, or its own."""
    device = x.device.type
    if x.dtype == torch.float64 or not _mixed_precision(device):
        return x.dtype
    if hasattr(torch, 'get_autocast_dtype'):  # from torch 2.4 on
        return torch.get_autocast_dtype(device)
    return torch.get_autocast_cpu_dtype() if device == 'cpu' else torch.get_autocast_gpu_dtype()
