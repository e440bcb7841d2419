"""Reads torch's settings of lower precision on a GPU."""
import torch


def cuda_autocast() -> tuple[bool, torch.dtype]:
    """Return whether autocast is on for CUDA, and its type."""
    if hasattr(torch, 'get_autocast_dtype'):  # from torch 2.4 on
        return torch.is_autocast_enabled('cuda'), torch.get_autocast_dtype('cuda')
    return torch.is_autocast_enabled(), torch.get_autocast_gpu_dtype()
