"""Offers the operator to autograd."""
import torch
from torch import Tensor, nn

from ...models.unmodified import has_values, is_compiling, is_unmodified
from . import library


def can_run(x: Tensor, bn: nn.Module) -> bool:
    """Return whether the kernel takes these: a BN in training, and a map in channels_last on a CPU.

    In float32 or float64, where the kernel can be compiled. Layers of other classes, with hooks,
    without weights, without running statistics or with cumulative ones are left to torch.
    """
    return (is_unmodified(bn, nn.BatchNorm2d) and bn.training and bn.track_running_stats
            and bn.affine and bn.momentum is not None and bn.num_batches_tracked is not None
            and x.device.type == 'cpu' and x.dtype in library.TYPES and x.dim() == 4
            and x.numel() > x.shape[1] == bn.num_features > 0
            and x.is_contiguous(memory_format=torch.channels_last) and all(
                t is not None and t.dtype == x.dtype and t.device == x.device and t.is_contiguous()
                for t in (bn.weight, bn.bias, bn.running_mean, bn.running_var)) and has_values(x)
            and not is_compiling() and library.kernel() is not None)


def batch_norm(x: Tensor, bn: nn.BatchNorm2d, relu: bool = False) -> Tensor:
    """Return ``bn(x)`` in training, and ReLU, by the kernel; ``can_run`` must hold.

    Running statistics are updated. The result does not depend on the number of threads.

    Args:
        x (Tensor): (N, C, H, W) in channels_last.
        bn (nn.BatchNorm2d): Of C channels.
        relu (bool): Defaults to False.

    Returns:
        Tensor: (N, C, H, W) in channels_last.
    """
    assert bn.num_batches_tracked is not None
    bn.num_batches_tracked.add_(1)
    return _BatchNorm.apply(x, bn.weight, bn.bias, bn, relu)


class _BatchNorm(torch.autograd.Function):

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, bn: nn.BatchNorm2d,
                relu: bool) -> Tensor:
        y, mean, inverse_std = library.forward(x, bn, relu)
        ctx.relu = relu
        ctx.save_for_backward(x, weight, bias, mean, inverse_std)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):
        x, weight, bias, mean, inverse_std = ctx.saved_tensors
        found = library.backward(gradient, x, weight, bias, mean, inverse_std, ctx.relu,
                                 ctx.needs_input_grad[0])
        return (*found, None, None)
