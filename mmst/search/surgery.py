"""Changing the shape of living tensors in place, with all that belongs to them."""
from typing import Mapping, MutableMapping, Sequence

import torch
from torch import Tensor, nn

#: For a parameter the named tensors that follow its shape: an optimizer's state, a mask.
Companions = Mapping[nn.Parameter, MutableMapping[str, Tensor]]


class Cut:
    """Keeps chosen indices of parameters and buffers and drops the rest, in place.

    ``nn.Parameter`` objects stay the same (an optimizer and the EMA hold them) and get new storage
    by ``set_``; gradients are dropped. Of the companions every tensor of the parameter's old shape
    is indexed alike, whatever the optimizer. A parameter that ends empty gets
    ``requires_grad_(False)``, so that optimizer indices do not move and DDP passes it over.

    Args:
        companions (Companions): E.g. ``optimizer.state``, the masks.
    """

    def __init__(self, *companions: Companions):
        self.companions = companions

    @torch.no_grad()
    def __call__(self, module: nn.Module, name: str, dim: int, index: Tensor) -> None:
        """Keep ``index`` (1-D) along ``dim`` of ``module``'s tensor ``name``."""
        tensor = getattr(module, name)
        old_shape = tensor.shape
        index = index.to(tensor.device)
        for companion in self.companions:
            state = companion.get(tensor, {}) if isinstance(tensor, nn.Parameter) else {}
            for key, value in state.items():
                if torch.is_tensor(value) and value.shape == old_shape:
                    state[key] = _select(value, dim, index)
        _replace(tensor, _select(tensor.detach(), dim, index))

    def norm(self, bn: nn.Module, index: Tensor) -> None:
        """Keep ``index`` of a BN: scale, shift and running statistics."""
        for name in ('weight', 'bias', 'running_mean', 'running_var'):
            self(bn, name, 0, index)
        bn.num_features = len(index)

    def clear(self, module: nn.Module) -> None:
        """Empty every parameter and BN of a path that contributes nothing any more."""
        none = torch.empty(0, dtype=torch.long)
        for child in module.modules():
            if isinstance(child, nn.modules.batchnorm._NormBase):
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


def resize_norm(bn: nn.Module, size: int) -> None:
    """Give a BN room for ``size`` channels."""
    for name in ('weight', 'bias', 'running_mean', 'running_var'):
        resize(bn, name, (size, ))
    bn.num_features = size


def _select(tensor: Tensor, dim: int, index: Tensor) -> Tensor:
    channels_last = tensor.dim() == 4 and not tensor.is_contiguous()
    form = torch.channels_last if channels_last else torch.contiguous_format
    return tensor.index_select(dim, index).contiguous(memory_format=form)


def _replace(tensor: Tensor, new: Tensor) -> None:
    tensor.grad = None
    tensor.set_(new)
    if not new.numel() and tensor.requires_grad:
        tensor.requires_grad_(False)
