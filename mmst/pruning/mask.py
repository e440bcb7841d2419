"""Holds the mask: which weights are kept."""
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import torch
from torch import Tensor

from ..errors import TicketError
from .large import count_true, join


class Mask(Mapping[str, Tensor]):
    """Maps parameter names to bool tensors, True where the weight is kept. Immutable, validated.

    Args:
        kept (Mapping[str, Tensor]): Bool tensors of the parameters' shapes.

    Raises:
        TicketError: If an entry is not a bool tensor.
    """

    def __init__(self, kept: Mapping[str, Tensor]):
        for name, tensor in kept.items():
            if not torch.is_tensor(tensor) or tensor.dtype != torch.bool:
                raise TicketError(f'mask of {name} is not a bool tensor. Remedy: use the file as '
                                  'the training run wrote it.')
        self._kept: dict[str, Tensor] = dict(kept)

    def __getitem__(self, name: str) -> Tensor:
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def total(self) -> int:
        """Return the number of prunable weights."""
        return sum(t.numel() for t in self._kept.values())

    @cached_property
    def pruned(self) -> int:
        """Return the number of pruned weights."""
        masks = list(self._kept.values())
        # At once: each number that a GPU is asked for waits for all its work.
        flat = [join(masks)] if len({kept.device for kept in masks}) == 1 else masks
        return self.total - sum(map(count_true, flat))

    @property
    def sparsity(self) -> float:
        """Return the share of the prunable weights that is pruned."""
        return self.pruned / self.total if self.total else 0.

    def reaches(self, sparsity: float) -> bool:
        """Say whether the share that is pruned is ``sparsity`` or more, to within one weight."""
        return self.sparsity >= sparsity - 1.5 / max(self.total, 1)

    def layer_sparsity(self) -> dict[str, float]:
        """Return the share of each layer's weights that is pruned."""
        return {name: 1 - float(t.sum()) / t.numel() for name, t in self._kept.items()}

    def check_fits(self, shapes: Mapping[str, Iterable[int]]) -> None:
        """Refuse a mask of another network; ``shapes`` maps parameter names to shapes.

        Raises:
            TicketError: Naming the first entry that does not fit.
        """
        for name, tensor in self._kept.items():
            if name not in shapes or tuple(shapes[name]) != tuple(tensor.shape):
                found = tuple(shapes[name]) if name in shapes else 'no such parameter'
                raise TicketError(
                    f'mask of {name} has shape {tuple(tensor.shape)}, the network has '
                    f'{found}. Remedy: use mask and weights of one ticket.')
