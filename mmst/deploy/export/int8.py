"""Stores a ticket's weights with eight bits each, and a scale an output channel."""
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...tickets import Ticket
from ...tickets.weights import place
from ..eight_bits import LARGEST, in_eight_bits, round_weight

#: Tensors of fewer weights are stored whole, unless the mask names them.
SMALL = 64


def in_int8(ticket: Ticket) -> Ticket:
    """Return the ticket whose weights are as eight bits and a scale an output channel hold them.

    Vectors (biases, norms and their statistics) are in half precision; the rest stays as it is.
    """
    def as_stored(name: str, tensor: Tensor) -> Tensor:
        if has_int8(name, tensor):
            return torch.from_numpy(round_weight(tensor.detach().cpu().numpy()))
        return tensor.half().float() if is_vector(tensor) else tensor

    state = {name: as_stored(name, t) for name, t in ticket.state_dict.items()}
    same = {name: place(t) for name, t in ticket.state_dict.items()}
    first = {where: name for name, where in reversed(same.items()) if where}
    state.update({name: state[first[where]] for name, where in same.items() if where})
    return Ticket(ticket.model, state, ticket.mask, ticket.meta)


def has_int8(name: str, tensor: Tensor) -> bool:
    """Return whether a tensor is a layer's weight that eight bits can hold."""
    return (name.endswith('weight') and tensor.dtype == torch.float32 and tensor.dim() > 1
            and tensor.numel() >= SMALL and float(tensor.abs().max()) < LARGEST)


def is_vector(tensor: Tensor) -> bool:
    """Return whether a tensor is a vector that half precision can hold."""
    return tensor.dtype == torch.float32 and tensor.dim() == 1 and bool(
        tensor.half().isfinite().all())


def to_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the scale of each output channel, and a weight in units of these."""
    scale, values = in_eight_bits(weight.detach().cpu().flatten(1).numpy())
    return torch.from_numpy(scale).bfloat16(), torch.from_numpy(values).view(weight.shape)


def from_int8(values: Tensor, scale: Tensor, there: np.ndarray) -> Tensor:
    """Return a weight (rows, columns) in single precision; ``scale`` is of some rows alone."""
    if len(scale) < there.sum():
        raise ValueError(f'there are {len(scale)} scales of {there.sum()}')
    scales = torch.zeros(len(there))
    scales[torch.from_numpy(there)] = scale.float()
    return values.float() * scales[:, None]


def rows(shape: Sequence[int], kept: np.ndarray | None) -> np.ndarray:
    """Return which rows have a weight that is stored."""
    return np.ones(shape[0], bool) if kept is None else kept.reshape(shape[0], -1).any(1)
