"""Changes the shape of living tensors in place, with gradients, optimizer state and averages."""
from collections.abc import Mapping, MutableMapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer

from .optimizer_state import OptimizerState, select

#: For a parameter the named tensors that follow its shape, e.g. a mask.
Companions = Mapping[nn.Parameter, MutableMapping[str, Tensor]]


class Cut:
    """Keeps chosen indices of parameters and buffers and drops the rest, in place.

    ``nn.Parameter`` objects stay the same (an optimizer and the EMA hold them) and get new storage
    by ``set_``. Gradients that wait for their step are cut alike. An optimizer's state is cut alike
    (see :mod:`mmst.search.optimizer_state`); of other companions every tensor of the parameter's
    old shape. A parameter that ends empty gets ``requires_grad_(False)``, so that optimizer indices
    do not move and DDP passes it over.

    Args:
        companions (Optimizer | Companions): E.g. the optimizer, the masks.
    """

    def __init__(self, *companions: Optimizer | Companions):
        self.companions = [c for c in companions if not isinstance(c, Optimizer)]
        self.optimizers = [OptimizerState(c) for c in companions if isinstance(c, Optimizer)]
        self._last: tuple[Tensor, Tensor] | None = None

    @property
    def dropped(self) -> dict[str, int]:
        """Return the names of optimizers' entries that could not be cut, each with the number of
        parameters whose state was dropped."""
        return {name: n for state in self.optimizers for name, n in state.dropped.items()}

    def __call__(self, module: nn.Module, name: str, dim: int, index: Tensor) -> None:
        """Keep ``index`` (1-D) along ``dim`` of ``module``'s tensor ``name``."""
        if torch.is_grad_enabled():  # a search enters this once for its thousands of tensors
            with torch.no_grad():
                return self(module, name, dim, index)
        tensor = getattr(module, name)
        index = self.move(index, tensor.device)
        if isinstance(tensor, nn.Parameter):
            self._cut_companions(tensor, dim, index)
        gradient = tensor.grad
        _replace(tensor, select(tensor.detach(), dim, index))
        if gradient is not None and tensor.numel():
            tensor.grad = select(gradient, dim, index)

    def move(self, index: Tensor, device: torch.device) -> Tensor:
        """Return ``index`` on ``device``; the last one is remembered, so that it moves once."""
        if index.device == device:
            return index
        if self._last is None or self._last[0] is not index or self._last[1].device != device:
            self._last = (index, index.to(device))
        return self._last[1]

    def _cut_companions(self, parameter: nn.Parameter, dim: int, index: Tensor) -> None:
        for optimizer in self.optimizers:
            optimizer.cut(parameter, dim, index)
        for companion in self.companions:
            state = companion.get(parameter, {})
            for key, value in state.items():
                if torch.is_tensor(value) and value.shape == parameter.shape:
                    state[key] = select(value, dim, index)

    def norm(self, bn: _NormBase, index: Tensor) -> None:
        """Keep ``index`` of a BN: scale, shift and running statistics, as far as it has them."""
        for name in norm_tensors(bn):
            self(bn, name, 0, index)
        bn.num_features = len(index)

    def clear(self, module: nn.Module) -> None:
        """Empty every parameter and BN of a path that contributes nothing any more."""
        none = torch.empty(0, dtype=torch.long)
        for child in module.modules():
            if isinstance(child, _NormBase):
                self.norm(child, none)
            else:
                for name, _ in list(child.named_parameters(recurse=False)):
                    self(child, name, 0, none)


@torch.no_grad()
def resize(module: nn.Module, name: str, shape: Sequence[int]) -> None:
    """Give a tensor storage of ``shape`` for values to be loaded into; its values are undefined.

    Nothing happens where the shape is there already.
    """
    tensor = getattr(module, name)
    if tensor.shape != torch.Size(shape):
        was_empty = not tensor.numel()
        _replace(tensor, tensor.detach().new_empty(shape))
        if was_empty and isinstance(tensor, nn.Parameter):
            tensor.requires_grad_(True)


def resize_norm(bn: _NormBase, size: int) -> None:
    """Give a BN room for ``size`` channels."""
    for name in norm_tensors(bn):
        resize(bn, name, (size, ))
    bn.num_features = size


def norm_tensors(bn: _NormBase) -> list[str]:
    """Return the names of a BN's tensors with one number a channel, statistics if it has them."""
    names = ('weight', 'bias', 'running_mean', 'running_var')
    return [name for name in names if getattr(bn, name, None) is not None]


def _replace(tensor: Tensor, new: Tensor) -> None:
    tensor.grad = None
    tensor.set_(new)  # type: ignore[call-overload]
    if not new.numel() and tensor.requires_grad:
        tensor.requires_grad_(False)
