"""Counts parameters and multiply-adds (MACs) of each layer, dense and sparse."""
import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..errors import config_error
from ..models.hrnas.attention import Attention
from ..search.units import offers_units
from .mac_counter import MacCounter
from .shapes import ShapesOnly

HW = tuple[int, int]


#: What networks of all toolboxes raise where they cannot run on an image alone.
CANNOT_RUN = (RuntimeError, ValueError, IndexError, TypeError, AttributeError, KeyError,
              AssertionError)


@dataclass(frozen=True)
class LayerCost:
    """Holds the cost of one layer for one image.

    Attributes:
        name (str): Path of the module.
        kind (str): ``'conv'``, ``'linear'``, ``'attention'`` (its two products, and input
            projections of its own), ``'product'`` (another module that multiplies feature maps) or
            ``'other'`` (norms, queries: parameters without MACs).
        params (int): Learnable parameters.
        macs (int): Dense multiply-adds.
        nonzero (int): Parameters that the mask keeps.
        sparse_macs (float): Multiply-adds of the kept weights at their own positions.
    """
    name: str
    kind: str
    params: int
    macs: int
    nonzero: int
    sparse_macs: float


def layer_costs(model: nn.Module, input_shape: HW,
                mask: Mapping[str, Tensor] | None = None) -> list[LayerCost]:
    """Return the cost of every layer that has parameters or MACs (paper Sec. 4.1: FLOPs counted as
    MACs).

    Sparsity is counted per layer; scaling the total by the global density would be wrong. A weight
    that layers share counts once, with the first of them. Dense multiply-adds are half of
    the count of torch's ``FlopCounterMode``.

    Args:
        model (nn.Module): A whole OpenMMLab model or any part of one.
        input_shape (Tuple[int, int]): Height and width of the image in pixels.
        mask (Mapping[str, Tensor], optional): Parameter name to bool, True where kept.
    """
    counter = count_macs(meta_copy(model), input_shape, mask)
    return [cost for name, module in model.named_modules()
            for cost in [_layer_cost(name, module, counter, mask or {})]
            if cost.params or cost.macs]


def count_macs(twin: nn.Module, input_shape: HW,
            mask: Mapping[str, Tensor] | None = None) -> MacCounter:
    """Return the multiply-adds of one image in a ``meta_copy``; arguments as of ``layer_costs``."""
    with ShapesOnly():
        _run_once(twin, input_shape)
        counter = MacCounter(twin, mask)
        with counter:
            run_image(twin, input_shape)
    return counter


def total(costs: Iterable[LayerCost], prefix: str = '') -> dict[str, float]:
    """Sum ``params``, ``macs``, ``nonzero`` and ``sparse_macs`` over layers below ``prefix``."""
    chosen = [c for c in costs if c.name.startswith(prefix)]
    fields = ('params', 'macs', 'nonzero', 'sparse_macs')
    return {field: sum(getattr(c, field) for c in chosen) for field in fields}


def feature_sizes(model: nn.Module, input_shape: HW) -> dict[str, tuple[HW, HW]]:
    """Return the height and width with which feature maps enter and leave each module that offers
    units.
    """
    sizes: dict[str, tuple[HW, HW]] = {}
    trace(model, input_shape, record_sizes(sizes), offers_units)
    return sizes


def record_sizes(sizes: dict[str, tuple[HW, HW]]) -> Callable[..., None]:
    """Return a function for :func:`trace` that fills ``sizes``."""

    def record(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        (*_, rows, columns), (*_, new_rows, new_columns) = inputs[0].shape, output.shape
        sizes[name] = (rows, columns), (new_rows, new_columns)

    return record


def trace(model: nn.Module, input_shape: HW, record: Callable[..., None],
          wanted: Callable[[nn.Module], bool]) -> None:
    """Call ``record(name, module, inputs, output)`` for each call of a wanted module.

    It runs one image through a copy on the meta device: shapes only, no arithmetic, no memory.
    """
    twin = meta_copy(model)
    with ShapesOnly():
        _run_once(twin, input_shape)
        watch(twin, record, wanted)
        run_image(twin, input_shape)


def watch(twin: nn.Module, record: Callable[..., None],
          wanted: Callable[[nn.Module], bool]) -> list[RemovableHandle]:
    """Let calls of wanted modules be recorded, as :func:`trace` does."""
    return [module.register_forward_hook(
        lambda m, inputs, output, name=name: record(name, m, inputs, output))
        for name, module in twin.named_modules() if wanted(module)]


def meta_copy(model: nn.Module) -> nn.Module:
    """Return a copy on the meta device, in eval mode, without hooks."""
    memo: dict[int, Any] = {id(p): nn.Parameter(p.detach().to('meta'), requires_grad=False)
            for p in model.parameters()}
    memo.update({id(b): b.detach().to('meta') for b in model.buffers()})
    # weight_norm keeps its result as a plain attribute, which cannot be copied.
    attributes = [value for m in model.modules() for value in vars(m).values()]
    memo.update({id(t): t.detach().to('meta') for t in attributes if isinstance(t, Tensor)})
    # Each module has a dozen of empty ones; to copy them in Python took half of the time.
    memo.update({id(d): OrderedDict() for d in attributes if type(d) is OrderedDict and not d})
    twin = copy.deepcopy(model, memo)
    twin.eval()  # not chained: some toolboxes' backbones return nothing from it
    for module in twin.modules():
        module._forward_hooks.clear()
        # Activation checkpointing hangs a function on each instance that calls the original.
        module.__dict__.pop('forward', None)
    return twin


def run_image(twin: nn.Module, input_shape: HW, channels: int | None = None) -> None:
    """Run one image through a ``meta_copy``, of so many channels, or of those of its images."""
    dtype = next((p.dtype for p in twin.parameters()), None)
    image = torch.empty(1, channels or image_channels(twin), *input_shape, device='meta',
                        dtype=dtype)
    with torch.no_grad():
        # mmpose's models ask for data samples, None allowed.
        twin(image, None) if isinstance(twin, BaseModel) else twin(image)


def image_channels(model: nn.Module) -> int:
    """Return channels of the input image: those that are normalised, else those of the first
    convolution.

    Not always the same: YOLOX's first convolution sees four pixels at once.
    """
    mean = getattr(getattr(model, 'data_preprocessor', None), 'mean', None)
    if isinstance(mean, Tensor) and mean.numel() > 1:
        return mean.numel()
    return _channels_of_first(model) or 3


def check_normalised(model: nn.Module, input_shape: HW) -> None:
    """Refuse a network whose images have another count of means or deviations than of channels.

    To be called where it takes no image of these channels. That they are the cause is certain where
    it takes one of as many as its first convolution has.

    Raises:
        ConfigError: Naming the numbers.
    """
    channels = _channels_of_first(model)
    for key in ('mean', 'std'):
        numbers = getattr(getattr(model, 'data_preprocessor', None), key, None)
        if (channels and isinstance(numbers, Tensor) and numbers.numel() not in (1, channels)
                and _takes(model, input_shape, channels)):
            raise config_error(
                f'data_preprocessor.{key}', f'{numbers.numel()} numbers', 'the network takes '
                f'images of {channels} channels', 'train with one for each channel, or with one '
                'for all')


def _takes(model: nn.Module, input_shape: HW, channels: int) -> bool:
    """Return whether a network takes an image of so many channels."""
    try:
        run_image(meta_copy(model), input_shape, channels)
    except CANNOT_RUN:
        return False
    return True


def _channels_of_first(model: nn.Module) -> int | None:
    """Return channels of the input of the first convolution; None where there is none."""
    for module in model.modules():
        if type(module).__name__ == 'Focus':
            return (_channels_of_first(module.get_submodule('conv')) or 0) // 4
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return None


def _run_once(twin: nn.Module, input_shape: HW) -> None:
    """Leave out memory that is kept for later images: it is no cost of one."""
    if any(getattr(m, 'computes_once', False) for m in twin.modules()):
        run_image(twin, input_shape)


def _layer_cost(name: str, module: nn.Module, counter: MacCounter,
                mask: Mapping[str, Tensor]) -> LayerCost:
    prefix = f'{name}.' if name else ''
    own = {prefix + key: p for key, p in module.named_parameters(recurse=False)
           if prefix + key in counter.names}
    params = sum(p.numel() for p in own.values())
    kept = sum(int(mask[key].sum()) if key in mask else p.numel() for key, p in own.items())
    macs = counter.macs.get(name, 0)
    kind = next((kind for kind, types in _KINDS.items() if isinstance(module, types)),
                'product' if macs else 'other')
    return LayerCost(name, kind, params, macs, kept, counter.sparse_macs.get(name, 0.))


_KINDS: dict[str, Any] = dict(conv=nn.modules.conv._ConvNd, linear=(nn.Linear, nn.Bilinear),
              attention=(Attention, nn.MultiheadAttention))
