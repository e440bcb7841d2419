"""Collects the second moments of layers' inputs while a network runs."""
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Rows of weights see at most so many inputs at once; longer ones are cut into blocks.
EXACT, BLOCK = 256, 128
#: Positions of a map that are looked at, in a regular grid.
POSITIONS = 1024


class InputHessian:
    """Sums x xᵀ over the inputs x of a layer's rows of weights, in blocks.

    A convolution's row sees a window of the channels of its group. Rows of at most ``EXACT``
    weights have one block, others blocks of ``BLOCK``, and blocks count as independent.

    Args:
        layer (nn.Module): A convolution of 1 or 2 dimensions, or a linear layer.

    Attributes:
        groups (int): Groups of rows, each with inputs of its own.
        length (int): Weights of a row.
        blocks (list[Tensor]): (groups, d, d) of neighbouring weights, together ``length``.
    """

    def __init__(self, layer: nn.Module):
        self.layer = layer
        weight: Any = layer.weight
        self.groups = int(getattr(layer, 'groups', 1))
        self.length = math.prod(weight.shape[1:])
        size = self.length if self.length <= EXACT else BLOCK
        self.blocks = [weight.new_zeros(self.groups, length, length, dtype=torch.float32)
                       for length in _lengths(self.length, size)]
        self.seen = 0

    def add(self, x: Tensor) -> None:
        """Look at an input of the layer."""
        windows = self._windows(x.detach().float())
        self.seen += windows.shape[-1]
        start = 0
        for block in self.blocks:
            part = windows[:, start:start + block.shape[-1]]
            block += part @ part.transpose(1, 2)
            start += block.shape[-1]

    def _windows(self, x: Tensor) -> Tensor:
        """Return (groups, weights of a row, positions)."""
        layer: Any = self.layer
        if isinstance(layer, nn.Linear):
            return x.reshape(1, -1, x.shape[-1]).transpose(1, 2)
        if layer.padding_mode != 'zeros':
            x = F.pad(x, layer._reversed_padding_repeated_twice, mode=layer.padding_mode)
        padding = layer.padding if layer.padding_mode == 'zeros' else (0, 0)
        if isinstance(padding, str):
            total = [d * (k - 1) for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
            x = x if padding == 'valid' else F.pad(x, [p for t in total[::-1]
                                                      for p in (t // 2, t - t // 2)])
            padding = (0, 0)
        outputs = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in zip(
            x.shape[2:], padding, layer.dilation, layer.kernel_size, layer.stride, strict=True)]
        step = max(1, math.ceil(math.sqrt(math.prod(outputs) / POSITIONS)))
        stride = tuple(step * s for s in layer.stride)
        found = F.unfold(x, layer.kernel_size, layer.dilation, padding, stride)
        images, _, positions = found.shape
        grouped = found.view(images, self.groups, self.length, positions)
        return grouped.permute(1, 2, 0, 3).reshape(self.groups, self.length, -1)


@contextmanager
def watch_inputs(model: nn.Module, weights: Mapping[str, Tensor]
                 ) -> Iterator[dict[str, InputHessian]]:
    """Collect the inputs of the layers that own ``weights``, as the model runs.

    Args:
        model (nn.Module): Its layers are called as modules.
        weights (Mapping): Names of parameters to weights. Those of other layers than linear ones
            and convolutions of two dimensions are passed over.

    Yields:
        dict[str, InputHessian]: By name of the weight.
    """
    wanted = {id(weight): name for name, weight in weights.items()}
    found: dict[str, InputHessian] = {}
    handles = []
    for module in model.modules():
        own: Any = getattr(module, '_parameters', {}).get('weight')
        name = wanted.get(id(own))
        if name is None or not isinstance(module, (nn.Linear, nn.Conv2d)):
            continue
        hessian = found.setdefault(name, InputHessian(module))
        handles.append(module.register_forward_pre_hook(
            lambda module, inputs, hessian=hessian: hessian.add(inputs[0])))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _lengths(total: int, size: int) -> list[int]:
    whole, rest = divmod(total, max(size, 1))
    return [size] * whole + ([rest] if rest else [])
