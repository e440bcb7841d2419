"""Collects the second moments of layers' inputs while a network runs."""
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import config_error

#: Rows of weights see at most so many inputs at once; longer ones are cut into blocks.
EXACT, BLOCK = 256, 128
#: Positions of a map that are looked at, in a regular grid.
POSITIONS = 1024


class InputHessian:
    """Sums x xᵀ over the inputs x of a layer's rows of weights, in blocks.

    A convolution's row sees a window of the channels of its group. Rows of at most ``EXACT``
    weights have one block, others blocks of ``BLOCK``, and blocks count as independent.

    Args:
        weight (Tensor): Of a convolution of 2 dimensions, or of a linear layer.
        groups (int): Groups of rows, each with inputs of its own. Defaults to 1.

    Attributes:
        length (int): Weights of a row.
        blocks (list[Tensor]): (groups, d, d) of neighbouring weights, together ``length``.
        seen (int): Inputs so far.
    """

    def __init__(self, weight: Tensor, groups: int = 1):
        self.groups = groups
        self.length = math.prod(weight.shape[1:])
        size = self.length if self.length <= EXACT else BLOCK
        self.blocks = [weight.new_zeros(self.groups, length, length, dtype=torch.float32)
                       for length in _lengths(self.length, size)]
        self.seen = 0

    def add(self, windows: Tensor) -> None:
        """Look at inputs (groups, weights of a row, positions)."""
        self.seen += windows.shape[-1]
        start = 0
        for block in self.blocks:
            part = windows[:, start:start + block.shape[-1]]
            block += part @ part.transpose(1, 2)
            start += block.shape[-1]

    @property
    def mean_square(self) -> float:
        """Return the mean of all squared inputs, times their number."""
        squares = [block.diagonal(dim1=-2, dim2=-1).double().flatten() for block in self.blocks]
        return float(torch.cat(squares).mean())


def linear_windows(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the inputs (1, weights of a row, positions) of a linear map; arguments as of torch's.
    """
    return input.detach().float().reshape(1, -1, input.shape[-1]).transpose(1, 2)


def conv_windows(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
                 padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Tensor:
    """Return the inputs (groups, weights of a row, positions) of a convolution; arguments as of
    torch's.
    """
    x = input.detach().float()
    x = x if x.dim() == 4 else x[None]
    kernel, stride, dilation = weight.shape[2:], _pair(stride), _pair(dilation)
    if isinstance(padding, str):
        total = [d * (k - 1) if padding == 'same' else 0
                 for d, k in zip(dilation, kernel, strict=True)]
        x, padding = F.pad(x, [p for t in total[::-1] for p in (t // 2, t - t // 2)]), 0
    padding = _pair(padding)
    outputs = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, p, d, k, s in zip(
        x.shape[2:], padding, dilation, kernel, stride, strict=True)]
    step = max(1, math.ceil(math.sqrt(math.prod(outputs) / POSITIONS)))
    found = F.unfold(x, tuple(kernel), dilation, padding, tuple(step * s for s in stride))
    images, _, positions = found.shape
    length = math.prod(weight.shape[1:])
    grouped = found.view(images, groups, length, positions)
    return grouped.permute(1, 2, 0, 3).reshape(groups, length, -1)


#: What a layer computes, to its inputs.
_MAPS: Mapping[Any, Callable[..., Tensor]] = {F.linear: linear_windows, F.conv2d: conv_windows}


class _Watch(TorchFunctionMode):
    """Sees what torch's functions get, however a layer pads or passes its input on.

    Args:
        found (Mapping): ``id`` of a weight to its name and Hessian.
    """

    def __init__(self, found: Mapping[int, tuple[str, InputHessian]]):
        super().__init__()
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        outputs, windows_of = func(*args, **kwargs), _MAPS.get(func)
        if windows_of is not None:
            weight = args[1] if len(args) > 1 else kwargs['weight']
            name, hessian = self.found.get(id(weight), ('', None))
            if hessian is not None:
                windows = windows_of(*args, **kwargs)
                if len(windows) != hessian.groups:
                    raise config_error(
                        'criterion', 'obc', f'{name} is of a layer of {hessian.groups} groups, '
                        f'and is called with {len(windows)}', "use criterion='magnitude', or spare "
                        f'the layer: leave_alone=[{name.rpartition(".")[0]!r}]')
                hessian.add(windows)
        return outputs


@contextmanager
def watch_inputs(model: nn.Module, weights: Mapping[str, Tensor]
                 ) -> Iterator[dict[str, InputHessian]]:
    """Collect the inputs of the layers that own ``weights``, as the model runs.

    Args:
        model (nn.Module): Its layers call ``F.linear`` and ``F.conv2d`` with these weights. Layers
            that compute otherwise, or with other weights, are not seen.
        weights (Mapping): Names of parameters to weights. Those of other layers than linear ones
            and convolutions of two dimensions are passed over.

    Yields:
        dict[str, InputHessian]: By name of the weight.
    """
    wanted = {id(weight): name for name, weight in weights.items()}
    found: dict[str, InputHessian] = {}
    for module in model.modules():
        own: Any = getattr(module, '_parameters', {}).get('weight')
        name = wanted.get(id(own))
        if name is not None and isinstance(module, (nn.Linear, nn.Conv2d)):
            found.setdefault(name, InputHessian(own, int(getattr(module, 'groups', 1))))
    by_weight = {id(weights[name]): (name, hessian) for name, hessian in found.items()}
    with _run_eagerly(), _Watch(by_weight):
        yield found


def _run_eagerly() -> AbstractContextManager[Any]:
    """Let networks run uncompiled: compiled ones would add their inputs twice."""
    stance = getattr(torch.compiler, 'set_stance', None)  # torch 2.6
    if stance is None or 'torch._dynamo' not in sys.modules:
        return nullcontext()
    eager: AbstractContextManager[Any] = stance('force_eager')
    return eager


def _pair(value: Any) -> tuple[int, ...]:
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value, )
    return numbers * 2 if len(numbers) == 1 else numbers


def _lengths(total: int, size: int) -> list[int]:
    whole, rest = divmod(total, max(size, 1))
    return [size] * whole + ([rest] if rest else [])
