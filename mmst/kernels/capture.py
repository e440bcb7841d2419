"""Captures a module's training pass, and leaves no trace of that in the module."""
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..randomness import isolated_random_state
from .autocast import cuda_autocast
from .captured_pass import CapturedPass
from .side_streams import SideStreams


def capture(module: nn.Module, leaves: Sequence[Tensor], stream: Any = None,
            sides: SideStreams | None = None) -> Callable:
    """Return ``CapturedPass``, of which nothing is left in buffers and random numbers."""
    buffers = list(module.buffers())
    before = [t.clone() for t in buffers]
    on, dtype = cuda_autocast()
    try:
        with isolated_random_state(0), \
                torch.autocast('cuda', dtype, enabled=on, cache_enabled=False):
            return CapturedPass(module, leaves, stream, sides)
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)
