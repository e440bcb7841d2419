"""Folds the BNs of search blocks into the weights, in float64."""
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ...models.hrnas.mixconv import MixConv
from ..folding import fold_bn, spread_groups


@dataclass(frozen=True)
class FoldedMixConv:
    """Is a MixConv path as three linear maps with biases; ReLU follows the first two.

    Attributes:
        expand (Tensor): (hidden, in_channels).
        expand_bias (Tensor): (hidden,).
        taps (Tensor): (hidden, k, k), k the largest kernel size; smaller kernels lie in the middle.
        depthwise_bias (Tensor): (hidden,).
        project (Tensor): (out_channels, hidden).
        bias (Tensor): (out_channels,).
        stride (int): Of the depthwise convolution.
    """
    expand: Tensor
    expand_bias: Tensor
    taps: Tensor
    depthwise_bias: Tensor
    project: Tensor
    bias: Tensor
    stride: int

    def select(self, hidden: Tensor) -> 'FoldedMixConv':
        """Return the hidden channels of an index or a bool tensor alone; the bias stays."""
        return FoldedMixConv(self.expand[hidden], self.expand_bias[hidden], self.taps[hidden],
                             self.depthwise_bias[hidden], self.project[:, hidden], self.bias,
                             self.stride)

    def to_single(self) -> 'FoldedMixConv':
        """Return the values that single precision has, in which the C library stores them."""
        tensors: dict[str, Any] = {name: value.float().double()
                                   for name, value in vars(self).items()
                                   if isinstance(value, Tensor)}
        return replace(self, **tensors)


@torch.no_grad()
def fold_mixconv(mixconv: MixConv) -> FoldedMixConv:
    """Fold the BNs of a MixConv path; one without hidden channels adds nothing."""
    out_channels, stride = mixconv.out_channels, mixconv.stride
    size = max(conv.kernel_size[0] for conv in mixconv.depthwise)
    if not mixconv:
        none = torch.zeros(0, dtype=torch.float64, device='cpu')
        return FoldedMixConv(none.new_zeros(0, mixconv.in_channels), none,
                             none.new_zeros(0, size, size), none,
                             none.new_zeros(out_channels, 0), none.new_zeros(out_channels), stride)
    taps = torch.cat([nn.functional.pad(conv.weight.double().flatten(0, 1),
                                        [(size - conv.kernel_size[0]) // 2] * 4)
                      for conv in mixconv.depthwise])
    return FoldedMixConv(
        *fold_bn(mixconv.expand.weight.flatten(1), mixconv.expand_bn),
        *fold_bn(taps, mixconv.depthwise_bn),
        *fold_bn(mixconv.project.weight.flatten(1), mixconv.project_bn), stride)


@torch.no_grad()
def fold_conv(conv: nn.Conv2d, bn: nn.Module | None = None) -> tuple[Tensor, Tensor]:
    """Return the weight with its groups spread out, (out, in, k, k), and bias, after folding
    ``bn``.
    """
    weight = spread_groups(conv.weight.detach().double(), conv.groups)
    weight, bias = fold_bn(weight, bn, conv.bias)
    return weight.clone(), bias.clone()
