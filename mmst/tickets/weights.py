"""Puts a ticket's weights under its mask."""
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import TicketError
from ..pruning.mask import Mask


def masked_copy(state_dict: Mapping[str, Tensor], mask: Mask) -> tuple[dict[str, Tensor], Mask]:
    """Copy both, the pruned weights exactly 0. A shared weight is copied once."""
    copies: dict[Any, Tensor] = {}
    state = {name: copies.setdefault(place(t) or name, t.detach().cpu().clone())
             for name, t in state_dict.items()}
    kept = Mask({name: t.cpu() for name, t in mask.items()})
    kept.check_fits({name: t.shape for name, t in state.items()})
    for name, keep in kept.items():
        state[name].masked_fill_(~keep, 0)
    return state, kept


def check_weights(state_dict: Mapping[str, Tensor], mask: Mask) -> None:
    """Refuse weights that are no finite tensors, or that contradict the mask.

    Raises:
        TicketError: Naming the entry.
    """
    for name, value in state_dict.items():
        if not isinstance(name, str):
            raise TicketError(f'{name!r} is no name of a weight. Remedy: take the ticket from '
                              'the training run again.')
        if not torch.is_tensor(value) or value.layout != torch.strided or (
                value.is_floating_point() and not bool(value.isfinite().all())):
            raise TicketError(f'{name} is no tensor of finite numbers. Remedy: take the '
                              'ticket from the training run again.')
    mask.check_fits({name: value.shape for name, value in state_dict.items()})
    for name, kept in mask.items():
        if bool(state_dict[name].masked_select(~kept).any()):
            raise TicketError(f'{name} has weights where its mask has none. Remedy: '
                              'take the ticket from the training run again.')


def place(tensor: Tensor) -> tuple[Any, ...] | None:
    """Return a tensor's place in memory, one for all names of a weight that layers share.

    None of an empty one, which lies nowhere.
    """
    if not tensor.numel():
        return None
    return (str(tensor.device), tensor.untyped_storage().data_ptr(), tensor.storage_offset(),
            tuple(tensor.shape), tensor.stride(), tensor.dtype)
