"""Search blocks with their BNs folded into the weights, in float64."""
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...models.hrnas.mixconv import MixConv


@dataclass(frozen=True)
class FoldedMixConv:
    """MixConv path as three linear maps with biases; ReLU after the first two.

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
        """The hidden channels of an index or a bool tensor alone; the bias stays."""
        return FoldedMixConv(self.expand[hidden], self.expand_bias[hidden], self.taps[hidden],
                             self.depthwise_bias[hidden], self.project[:, hidden], self.bias,
                             self.stride)


def bn_scale_shift(bn: nn.Module) -> tuple[Tensor, Tensor]:
    """A BN in eval mode as y = scale * x + shift."""
    scale = bn.weight.detach().double() / (bn.running_var.double() + bn.eps).sqrt()
    return scale, bn.bias.detach().double() - bn.running_mean.double() * scale


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
    before, before_shift = bn_scale_shift(mixconv.expand_bn)
    middle, middle_shift = bn_scale_shift(mixconv.depthwise_bn)
    after, after_shift = bn_scale_shift(mixconv.project_bn)
    taps = torch.cat([nn.functional.pad(conv.weight.double().flatten(0, 1),
                                        [(size - conv.kernel_size[0]) // 2] * 4)
                      for conv in mixconv.depthwise])
    return FoldedMixConv(
        mixconv.expand.weight.double().flatten(1) * before[:, None], before_shift,
        taps * middle[:, None, None], middle_shift,
        mixconv.project.weight.double().flatten(1) * after[:, None], after_shift, stride)


@torch.no_grad()
def fold_conv(conv: nn.Conv2d, bn: nn.Module = None) -> tuple[Tensor, Tensor]:
    """Weight with its groups spread out, (out, in, k, k), and bias, after folding ``bn``."""
    weight = conv.weight.double()
    outputs, per_group = weight.shape[:2]
    spread = weight.new_zeros(outputs, conv.in_channels, *weight.shape[2:])
    for group in range(conv.groups):
        rows = slice(group * outputs // conv.groups, (group + 1) * outputs // conv.groups)
        spread[rows, group * per_group:(group + 1) * per_group] = weight[rows]
    bias = weight.new_zeros(outputs) if conv.bias is None else conv.bias.detach().double()
    if bn is None:
        return spread, bias
    scale, shift = bn_scale_shift(bn)
    return spread * scale[:, None, None, None], bias * scale + shift
