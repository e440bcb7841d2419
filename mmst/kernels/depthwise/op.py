"""Offers the operator to autograd, and as ``mmst::mixed_depthwise`` to torch.compile."""
from collections.abc import Sequence
from types import ModuleType

import torch
from torch import Tensor

from ...models.unmodified import has_values, is_compiling
from . import library, separate, triton_kernel
from .maps import empty_map

#: torch before 2.4 has no operators of this kind; graphs are then broken at it.
REGISTERED = hasattr(torch.library, 'custom_op')


def can_run(x: Tensor, weights: Sequence[Tensor], stride: int) -> bool:
    """Return whether a kernel takes a map (channels_last), odd sizes up to 7 and stride 1 or 2.

    On a CPU in float32 or float64, where the kernel can be compiled; on a GPU in float32, bfloat16
    or float16, where Triton is installed, if each kernel size comes once.
    """
    sizes = [w.shape[-1] for w in weights]
    return (stride in (1, 2) and bool(sizes) and x.numel() > 0
            and all(k % 2 and k <= library.LARGEST for k in sizes)
            and x.is_contiguous(memory_format=torch.channels_last)
            and (has_values(x) or is_compiling()) and _backend(x) is not separate
            and (_backend(x) is not triton_kernel or triton_kernel.can_run(weights)))


def mixed_depthwise(x: Tensor, weights: Sequence[Tensor], stride: int) -> Tensor:
    """Return depthwise convolutions of neighbouring slices of channels, each of its own kernel
    size.

    Weights are taken in the precision of ``x``, as autocast does for convolutions. The result does
    not depend on the number of threads.

    Args:
        x (Tensor): (N, C, H, W) in channels_last.
        weights (Sequence[Tensor]): (width, 1, k, k) each, k odd; their widths add up to C.
        stride (int): 1 or 2; padding is k // 2.

    Returns:
        Tensor: (N, C, ceil(H / stride), ceil(W / stride)) in channels_last.
    """
    weights = [w.to(x.dtype) for w in weights]
    if REGISTERED and is_compiling():
        return torch.ops.mmst.mixed_depthwise(x, weights, stride)
    return MixedDepthwise.apply(x, stride, *weights)


class MixedDepthwise(torch.autograd.Function):
    """Bypasses the registered operator, whose calls cost as much as a small map's arithmetic."""

    @staticmethod
    def forward(ctx, x: Tensor, stride: int, *weights: Tensor) -> Tensor:
        ctx.stride = stride
        ctx.save_for_backward(x, *weights)
        return _forward(x, weights, stride)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient: Tensor):
        (x, *weights), needed = ctx.saved_tensors, ctx.needs_input_grad
        for_x: Tensor | None = None
        for_weights: Sequence[Tensor | None] = [None] * len(weights)
        if needed[0]:
            for_x = _input_gradient(gradient, x.shape, weights, ctx.stride)
        if any(needed[2:]):
            for_weights = _weight_gradients(gradient, x, weights, ctx.stride)
        return (for_x, None, *for_weights)


def _backend(x: Tensor) -> ModuleType:
    """Return the module that computes for a tensor such as ``x``."""
    if x.device.type == 'cpu' and x.dtype in library.TYPES and library.available():
        return library
    if x.device.type == 'cuda' and x.dtype in triton_kernel.TYPES and triton_kernel.available():
        return triton_kernel
    return separate


def _forward(x: Tensor, weights: Sequence[Tensor], stride: int) -> Tensor:
    return _backend(x).forward(x, weights, stride)


def _input_gradient(gradient: Tensor, shape: Sequence[int], weights: Sequence[Tensor],
                    stride: int) -> Tensor:
    return _backend(gradient).input_gradient(gradient, shape, weights, stride)


def _weight_gradients(gradient: Tensor, x: Tensor, weights: Sequence[Tensor],
                      stride: int) -> list[Tensor]:
    return _backend(x).weight_gradients(gradient, x, weights, stride)


def _save(ctx, inputs, output) -> None:
    x, weights, ctx.stride = inputs
    ctx.save_for_backward(x, *weights)


def _backward(ctx, gradient: Tensor):
    x, *weights = ctx.saved_tensors
    needs_x, needs_weights, _ = ctx.needs_input_grad
    ops, for_x, for_weights = torch.ops.mmst, None, [None] * len(weights)
    if needs_x:
        for_x = ops.mixed_depthwise_input(gradient, x.shape, weights, ctx.stride)
    if any(needs_weights):
        for_weights = ops.mixed_depthwise_weights(gradient, x, weights, ctx.stride)
    return for_x, for_weights, None


def _register() -> None:
    """Define the operator and its two gradients, with their shapes for tracing."""
    define = torch.library.custom_op
    forward = define('mmst::mixed_depthwise', _forward, mutates_args=())
    for_input = define('mmst::mixed_depthwise_input', _input_gradient, mutates_args=())
    for_weights = define('mmst::mixed_depthwise_weights', _weight_gradients, mutates_args=())
    forward.register_fake(lambda x, weights, stride: empty_map(x, library.out_shape(x, stride)))
    for_input.register_fake(lambda gradient, shape, weights, stride: empty_map(gradient, shape))
    for_weights.register_fake(
        lambda gradient, x, weights, stride: [torch.empty_like(w) for w in weights])
    forward.register_autograd(_backward, setup_context=_save)


if REGISTERED:
    _register()
