"""Joins BN, ReLU and the depthwise convolutions in one operator, for training on CPUs.

The normalised map is never stored: the kernel normalises its input as it loads it, forward and for
the weights' gradients. That spares a pass over the largest maps of a block, and a quarter of their
memory.
"""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .. import batch_norm
from . import library, op


def can_run(x: Tensor, bn: nn.Module, weights: Sequence[Tensor], stride: int) -> bool:
    """Return whether both kernels take these; all in the precision of ``x``."""
    return (batch_norm.can_run(x, bn) and op.can_run(x, weights, stride)
            and all(w.dtype == x.dtype for w in weights))


def normalized_depthwise(x: Tensor, bn: nn.BatchNorm2d, weights: Sequence[Tensor],
                         stride: int) -> Tensor:
    """Return ``mixed_depthwise(relu(bn(x)), weights, stride)`` in training; ``can_run`` must hold.

    Running statistics are updated. The result does not depend on the number of threads.

    Args:
        x (Tensor): (N, C, H, W) in channels_last.
        bn (nn.BatchNorm2d): Of C channels.
        weights (Sequence[Tensor]): (width, 1, k, k) each; their widths add up to C.
        stride (int): 1 or 2; padding, of the normalised map, is k // 2.

    Returns:
        Tensor: (N, C, ceil(H / stride), ceil(W / stride)) in channels_last.
    """
    assert bn.num_batches_tracked is not None
    bn.num_batches_tracked.add_(1)
    return _NormalizedDepthwise.apply(x, bn.weight, bn.bias, bn, stride, *weights)


class _NormalizedDepthwise(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x: Tensor, gamma: Tensor, beta: Tensor, bn: nn.BatchNorm2d, stride: int,
                *weights: Tensor) -> Tensor:
        mean, inverse_std, slope, shift = batch_norm.library.statistics(x, bn)
        ctx.stride = stride
        ctx.save_for_backward(x, gamma, beta, mean, inverse_std, slope, shift, *weights)
        return library.forward(x, weights, stride, (slope, shift))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):
        x, gamma, beta, mean, inverse_std, slope, shift, *weights = ctx.saved_tensors
        needed = ctx.needs_input_grad
        for_bn: list[Tensor | None] = [None] * 3
        for_weights: Sequence[Tensor | None] = [None] * len(weights)
        if any(needed[5:]):
            for_weights = library.weight_gradients(gradient, x, weights, ctx.stride,
                                                   (slope, shift))
        if any(needed[:3]):
            gradient = library.input_gradient(gradient, x.shape, weights, ctx.stride)
            for_bn = batch_norm.library.backward(gradient, x, gamma, beta, mean, inverse_std,
                                                 True, needed[0])
        return (*for_bn, None, None, *for_weights)
