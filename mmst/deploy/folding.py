"""Puts convolutions in their plainest form: BN folded into them, groups spread out."""
from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def fold_bn(weight: Tensor, bn: Any, bias: Tensor | None = None,
            part: slice = slice(None)) -> tuple[Tensor, Tensor]:
    """Return the weight and bias of a convolution with the BN that follows it, in double precision.

    Args:
        weight (Tensor): (out, ...).
        bn (nn.Module, optional): A BN of torch, in evaluation; None where there is none.
        bias (Tensor, optional): (out, ), the convolution's own; 0 by default.
        part (slice): The BN's channels that the convolution gives. Defaults to all of them.

    Returns:
        tuple[Tensor, Tensor]: As ``weight``, and (out, ).
    """
    weight = weight.detach().double()
    bias = weight.new_zeros(len(weight)) if bias is None else bias.detach().double()
    if bn is None:
        return weight, bias
    gamma, beta, mean, var = (t.detach().double()[part] for t in (
        bn.weight, bn.bias, bn.running_mean, bn.running_var))
    scale = gamma / (var + bn.eps).sqrt()
    return weight * scale.view(-1, *[1] * (weight.dim() - 1)), bias * scale + (beta - mean * scale)


def spread_groups(weight: Tensor, groups: int) -> Tensor:
    """Return a grouped convolution's weight (out, in / groups, k, k) as one without groups."""
    if groups == 1:
        return weight
    outs, ins = len(weight) // groups, weight.shape[1]
    dense = weight.new_zeros(len(weight), groups * ins, *weight.shape[2:])
    for g in range(groups):
        rows = slice(g * outs, (g + 1) * outs)
        dense[rows, g * ins:(g + 1) * ins] = weight[rows]
    return dense
