"""Computes the same by torch's own convolutions: one a kernel size, and a concatenation."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import grad


def forward(x: Tensor, weights: Sequence[Tensor], stride: int) -> Tensor:
    """Return depthwise convolutions of slices of ``x`` (N, C, H, W)."""
    parts = zip(x.split([len(w) for w in weights], dim=1), weights, strict=True)
    return torch.cat([F.conv2d(part, w, None, stride, w.shape[-1] // 2, 1, len(w))
                      for part, w in parts], dim=1)


def input_gradient(gradient: Tensor, shape: Sequence[int], weights: Sequence[Tensor],
                   stride: int) -> Tensor:
    """Return the gradient of the input of ``shape``, from that of the output."""
    parts = zip(gradient.split([len(w) for w in weights], dim=1), weights, strict=True)
    return torch.cat([grad.conv2d_input(
        (shape[0], len(w), *shape[2:]), w, part, stride, w.shape[-1] // 2, 1, len(w))
        for part, w in parts], dim=1)


def weight_gradients(gradient: Tensor, x: Tensor, weights: Sequence[Tensor],
                     stride: int) -> list[Tensor]:
    """Return gradients of the weights, from those of the output."""
    widths = [len(w) for w in weights]
    parts = zip(gradient.split(widths, dim=1), x.split(widths, dim=1), weights, strict=True)
    return [grad.conv2d_weight(given, w.shape, part, stride, w.shape[-1] // 2, 1, len(w))
            for part, given, w in parts]
