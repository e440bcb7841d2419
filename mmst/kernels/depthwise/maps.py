"""Makes feature maps whose channels lie next to each other (channels_last)."""
from collections.abc import Sequence

import torch
from torch import Tensor


def empty_map(like: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a map (N, C, H, W) without values, of the type and on the device of ``like``."""
    return torch.empty(shape, dtype=like.dtype, device=like.device,
                       memory_format=torch.channels_last)


def channels_last(x: Tensor) -> Tensor:
    """Return the map in channels_last, itself where it is."""
    return x.contiguous(memory_format=torch.channels_last)
