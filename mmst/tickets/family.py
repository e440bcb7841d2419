"""Holds nested masks of one network: for each weight the levels that keep it."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import TicketError
from ..pruning.levels import MOST_LEVELS, are_one
from ..pruning.mask import Mask
from ..settings.checks import as_number

_REMEDY = 'Remedy: take the family from the training run again.'

#: How far a number may lie from a level that it names.
_NEAR = 1e-9


def is_same_level(known: float, number: float) -> bool:
    """Return whether a number names a level; NaN names none."""
    return abs(known - number) < _NEAR


@dataclass(frozen=True)
class Family:
    """Holds levels of sparsity of one set of weights, each of which keeps a part of the one before.

    Attributes:
        levels (tuple[float]): Shares of the prunable weights that the run was asked to prune,
            ascending; they name the levels. A search that cuts units after the last prune moves
            what a level prunes: that is its mask's sparsity.
        kept_by (Mapping[str, Tensor]): Parameter name to uint8 of its shape: how many levels keep a
            weight. They are the first ones, as masks are nested; 0 where none does.
        statistics (Sequence[Mapping[str, Tensor]]): Of each level, the buffers that differ from the
            ticket's, such as BN statistics.
    """
    levels: tuple[float, ...]
    kept_by: Mapping[str, Tensor]
    statistics: Sequence[Mapping[str, Tensor]]

    def index(self, level: float) -> int:
        """Return the place of a level.

        Raises:
            TicketError: There is no such level.
        """
        number = as_number(level)
        for place, known in enumerate(self.levels):
            if number is not None and is_same_level(known, number):
                return place
        raise TicketError(f'the ticket has no level {level!r:.20}. Remedy: use one of '
                          f'{", ".join(f"{known:g}" for known in self.levels)}.')

    def mask(self, place: int) -> Mask:
        """Return the mask of the level at a place."""
        return Mask({name: count > place for name, count in self.kept_by.items()})

    def to_content(self) -> dict[str, Any]:
        """Return the family as a file holds it: two weights a byte."""
        return dict(levels=list(self.levels),
                    kept_by={name: _pack(count) for name, count in self.kept_by.items()},
                    statistics=[dict(own) for own in self.statistics])

    @classmethod
    def from_content(cls, content: Any, state_dict: Mapping[str, Tensor]) -> 'Family':
        """Return the family of a file's content; it takes no more memory than the weights.

        Args:
            content: Of the file.
            state_dict (Mapping[str, Tensor]): The file's weights.

        Raises:
            TicketError: It is broken, or belongs to other weights.
        """
        if not (isinstance(content, dict) and isinstance(content.get('levels'), list)
                and isinstance(content.get('kept_by'), dict)
                and isinstance(content.get('statistics'), list)):
            raise TicketError(f'its family is broken. {_REMEDY}')
        counts = {}
        for name, packed in content['kept_by'].items():
            weight = state_dict.get(name)
            if weight is None or not _is_packed(packed, weight):
                raise TicketError(f'its family does not fit its weight {name!r:.80}. {_REMEDY}')
            counts[name] = _unpack(packed, weight)
        return cls(tuple(content['levels']), counts, content['statistics'])

    def check(self, state_dict: Mapping[str, Tensor], mask: Mask) -> None:
        """Refuse levels that are no ascending shares, or contradict mask and weights.

        Raises:
            TicketError: Naming the entry.
        """
        numbers = [as_number(level) for level in self.levels]
        shares = [number for number in numbers if number is not None and 0 < number < 1]
        if not 0 < len(shares) == len(numbers) <= MOST_LEVELS or shares != sorted(set(shares)):
            raise TicketError(f'its levels {self.levels!r:.80} are no {MOST_LEVELS} ascending '
                              f'shares or fewer. {_REMEDY}')
        if are_one(shares):
            raise TicketError(f'two of its levels {self.levels!r:.80} are the same. {_REMEDY}')
        if set(self.kept_by) != set(mask):
            raise TicketError(f'its family and its mask are of other weights. {_REMEDY}')
        for name, count in self.kept_by.items():
            if int(count.max() if count.numel() else 0) > len(shares) or not torch.equal(
                    count > 0, mask[name]):
                raise TicketError(f'its family contradicts its mask of {name}. {_REMEDY}')
        if len(self.statistics) != len(shares):
            raise TicketError(f'not every level has its statistics. {_REMEDY}')
        for own in self.statistics:
            _check_statistics(own, state_dict, mask)


def _check_statistics(own: Any, state_dict: Mapping[str, Tensor], mask: Mask) -> None:
    for name, value in own.items() if isinstance(own, dict) else [('its statistics', own)]:
        wanted = state_dict.get(name)
        if (wanted is None or name in mask or not torch.is_tensor(value)
                or value.layout != torch.strided or value.shape != wanted.shape
                or value.dtype != wanted.dtype or name.endswith(('.weight', '.bias'))
                or (name.endswith('.running_var') and bool((value < 0).any()))
                or (value.is_floating_point() and not bool(value.isfinite().all()))):
            raise TicketError(f'{name!r:.80} of a level is no finite buffer of the network. '
                              f'{_REMEDY}')


def _is_packed(packed: Any, weight: Tensor) -> bool:
    return (torch.is_tensor(packed) and packed.layout == torch.strided
            and packed.dtype == torch.uint8 and packed.dim() == 1
            and len(packed) == -(-weight.numel() // 2))


def _pack(count: Tensor) -> Tensor:
    flat = count.detach().cpu().flatten()
    flat = torch.cat([flat, flat.new_zeros(len(flat) % 2)])
    return flat[::2] | (flat[1::2] << 4)


def _unpack(packed: Tensor, weight: Tensor) -> Tensor:
    both = torch.stack([packed & 15, packed >> 4], 1).flatten()
    return both[:weight.numel()].view(weight.shape)
