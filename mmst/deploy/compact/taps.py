"""Analyses single taps of a convolution: between channels, on constants, at the borders."""
import torch
from torch import Tensor

from .channels import UNIFORM, Channels
from .graph import Node


def live_inputs(node: Node) -> Tensor:
    """Return whether any tap between two channels of a convolution is not 0, (out, in / groups)."""
    return node.tensors['weight'].ne(0).flatten(2).any(2)


def gather(node: Node, per_input: Tensor) -> Tensor:
    """Return an entry for each input channel as each output channel sees it, (out, in / groups)."""
    groups = node.settings['groups']
    outs = node.tensors['weight'].shape[0]
    return per_input.view(groups, -1).repeat_interleave(outs // groups, dim=0)


def uniform_kernel(node: Node, source: Channels) -> Tensor:
    """Return the taps on all uniform inputs together, times their numbers, (out, k, k)."""
    values = gather(node, torch.where(source.kind == UNIFORM, source.value, 0.))
    return (node.tensors['weight'].double() * values[:, :, None, None]).sum(1)


def has_borders(node: Node, kernel: Tensor) -> Tensor:
    """Return whether a (out, k, k) kernel on a constant map gives other values at the borders.

    Taps that never leave the map do not: those from ``padding`` to ``k - 1 - padding``.
    """
    k, padding = kernel.shape[-1], node.settings['padding']
    outside = torch.ones(k, k, dtype=torch.bool)
    outside[padding:k - padding, padding:k - padding] = False
    return (kernel[:, outside] != 0).any(1)


def window_sums(kernel: Tensor, padding: int) -> Tensor:
    """Return sums of the taps within the map, for all positions, (out, windows, windows).

    At each side 0 to ``padding`` taps may lie outside.
    """
    k = kernel.shape[-1]
    inside = torch.zeros((padding + 1)**2, k, dtype=kernel.dtype)
    for i in range(len(inside)):
        before, after = divmod(i, padding + 1)
        inside[i, before:k - after] = 1
    return inside @ kernel @ inside.T
