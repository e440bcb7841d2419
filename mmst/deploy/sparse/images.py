"""Checks the images that a sparse network is called with."""
import sys
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch._C._functorch import is_functorch_wrapped_tensor

from ...errors import TrainingError, config_error
from ...models.hrnas.hrnas_supernet import ConvBNReLU, HRNASSupernet
from ..compact import CompactNetwork


def image_channels(model: nn.Module) -> int | None:
    """Return channels of the images of a network of this project; None: of another one."""
    for module in model.modules():
        if isinstance(module, HRNASSupernet):
            return int(cast(ConvBNReLU, module.stem[0]).conv.in_channels)
        if isinstance(module, CompactNetwork):
            return next((node['channels'] for node in module.architecture['nodes']
                         if node['op'] == 'image'), None)
    return None


def check_images(images: Any, channels: int | None) -> Tensor:
    """Return the images as an ordinary tensor in float32, where ``channels`` are known.

    Half precision is taken under autocast, as torch's layers do.

    Raises:
        ConfigError: Their shape, type or device is another.
        TrainingError: They are no numbers but the placeholders that a tracer passes through the
        network.
    """
    _refuse_tracing(images)
    if channels is None:
        if images.dim() != 4 or min(images.shape) < 1:
            raise _refusal(images, '(N, C, H, W) with at least one pixel', 'give a batch of images')
        return images
    if type(images) is not Tensor:
        images = images.detach().as_subclass(Tensor)
    halves = _autocast() and images.dtype in (torch.half, torch.bfloat16)
    if (images.dim() != 4 or images.shape[1] != channels or min(images.shape) < 1
            or not (halves or images.dtype is torch.float32)):
        raise _refusal(images, f'(N, {channels}, H, W) in torch.float32',
                       'give normalised images as in training, e.g. images.float()')
    if images.device.type != 'cpu' or images.layout is not torch.strided:
        raise _refusal(images, 'an ordinary tensor on the CPU', 'use images.cpu()')
    return images.float().resolve_neg()


def _autocast() -> bool:
    try:
        return torch.is_autocast_enabled('cpu')
    except TypeError:  # before torch 2.4
        return torch.is_autocast_cpu_enabled()


def _refusal(images: Tensor, wanted: str, remedy: str) -> Exception:
    shape = tuple(images.shape)
    return config_error('images.shape', shape,
                        f'they are {images.dtype} on {images.device}, and must be {wanted}', remedy)


def _refuse_tracing(images: Any) -> None:
    if not isinstance(images, Tensor):
        raise config_error('images', type(images).__name__, 'must be a tensor',
                           'give a batch of images')
    if images.is_nested:  # has no shape
        raise config_error('images', 'a nested tensor', 'must be an ordinary tensor',
                           'give a batch of images of one size')
    followed = type(images).__torch_dispatch__ is not Tensor.__torch_dispatch__
    if (followed or torch.jit.is_tracing() or is_functorch_wrapped_tensor(images)
            or _records_operations()):
        raise untraceable()


def untraceable() -> TrainingError:
    """Return the error for tracers of any kind."""
    return TrainingError('a SparseModel cannot be traced or exported: its kernel is no operation '
                         'of torch. Remedy: export the ticket itself, with mmst export.')


def _records_operations() -> bool:
    """Return whether make_fx follows ordinary tensors; nobody does who has not imported it."""
    tracer = sys.modules.get('torch.fx.experimental.proxy_tensor')
    return tracer is not None and getattr(tracer, 'get_proxy_mode', lambda: None)() is not None


def uncompiled_method(forward: Callable) -> Callable:
    """Return a method that torch.compile leaves alone, with its inner calls.

    torch.compiler.disable would import the compiler, which takes longer than loading a ticket. What
    it makes is kept for the next call.
    """

    @cache
    def left_alone() -> Callable:
        return torch.compiler.disable(forward)

    @wraps(forward)
    def run(*args: Any, **kwargs: Any) -> Any:
        if 'torch._dynamo' not in sys.modules:
            return forward(*args, **kwargs)
        return left_alone()(*args, **kwargs)

    return run
