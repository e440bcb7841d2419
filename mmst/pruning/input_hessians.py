"""Collects the second moments of layers' inputs while a network runs."""
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import config_error
from .input_windows import WINDOWS

#: Rows of weights see at most so many inputs at once; longer ones are cut into blocks.
EXACT, BLOCK = 256, 128


class InputHessian:
    """Sums x xᵀ over the inputs x of a layer's rows of weights, in blocks.

    A convolution's row sees a window of the channels of its group. Rows of at most ``EXACT``
    weights have one block, others blocks of ``BLOCK``, and blocks count as independent.

    Args:
        weight (Tensor): (rows, …), of a convolution of 2 dimensions or of a linear map.
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
        outputs, windows_of = func(*args, **kwargs), WINDOWS.get(func)
        if windows_of is not None and self._is_about(args, kwargs):
            for weight, windows in windows_of(*args, **kwargs):
                if id(weight) in self.found:
                    self._add(*self.found[id(weight)], windows)
        return outputs

    def _is_about(self, args: Any, kwargs: Any) -> bool:
        """Return whether a call has a weight that is looked at; the inputs of others cost time."""
        return any(id(value) in self.found for value in (*args, *kwargs.values()))

    @staticmethod
    def _add(name: str, hessian: InputHessian, windows: Tensor) -> None:
        if len(windows) != hessian.groups:
            raise config_error(
                'criterion', 'obc', f'{name} is of a layer of {hessian.groups} groups, and is '
                f'called with {len(windows)}', "use criterion='magnitude', or spare the layer: "
                f'leave_alone=[{name.rpartition(".")[0]!r}]')
        hessian.add(windows)


@contextmanager
def watch_inputs(model: nn.Module, weights: Mapping[str, Tensor]
                 ) -> Iterator[dict[str, InputHessian]]:
    """Collect the inputs of the layers that own ``weights``, as the model runs.

    Args:
        model (nn.Module): Its layers call functions of :data:`.input_windows.WINDOWS` with these
            weights. Layers that compute otherwise, or with other weights, are not seen.
        weights (Mapping): Names of parameters to weights. Those of other layers than linear ones,
            convolutions of two dimensions and ``nn.MultiheadAttention`` are passed over.

    Yields:
        dict[str, InputHessian]: By name of the weight.
    """
    wanted = {id(weight): name for name, weight in weights.items()}
    found: dict[str, InputHessian] = {}
    for module in model.modules():
        for key, groups in _groups_of(module).items():
            own: Any = module._parameters.get(key)
            name = wanted.get(id(own))
            if name is not None:
                found.setdefault(name, InputHessian(own, groups))
    by_weight = {id(weights[name]): (name, hessian) for name, hessian in found.items()}
    with _run_eagerly(), _Watch(by_weight):
        yield found


def _groups_of(module: nn.Module) -> dict[str, int]:
    """Return the weights of a module whose inputs can be seen, to the groups of their rows."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        return dict(weight=int(getattr(module, 'groups', 1)))
    if isinstance(module, nn.MultiheadAttention):
        return dict(in_proj_weight=3, q_proj_weight=1, k_proj_weight=1, v_proj_weight=1)
    return {}


def _run_eagerly() -> AbstractContextManager[Any]:
    """Let networks run uncompiled: compiled ones would add their inputs twice."""
    stance = getattr(torch.compiler, 'set_stance', None)  # torch 2.6
    if stance is None or 'torch._dynamo' not in sys.modules:
        return nullcontext()
    eager: AbstractContextManager[Any] = stance('force_eager')
    return eager


def _lengths(total: int, size: int) -> list[int]:
    whole, rest = divmod(total, max(size, 1))
    return [size] * whole + ([rest] if rest else [])
