"""Describes the channels of a map for compaction."""
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

#: Kinds of channels: one number everywhere; a map that depends on the input size alone (it differs
#: near the borders); a map that depends on the image.
UNIFORM, EDGE, LIVE = 0, 1, 2
#: The kinds that are computed as maps, in the order in which they are written.
COMPUTED = (LIVE, EDGE)


@dataclass
class Channels:
    """Holds the known facts of a node's channels; 1-D tensors, one entry a channel.

    Attributes:
        kind (Tensor): ``UNIFORM``, ``EDGE`` or ``LIVE``.
        value (Tensor): The number of each uniform channel; 0 for others. Double precision.
        high (Tensor): An upper bound of each edge channel, infinite where unknown.
    """
    kind: Tensor
    value: Tensor
    high: Tensor

    def __len__(self) -> int:
        return len(self.kind)

    def select(self, index: Sequence[int]) -> 'Channels':
        """Return the channels of ``index``."""
        return Channels(*(tensor[torch.tensor(index)] for tensor in self._tensors()))

    def as_live(self, marks: Tensor) -> 'Channels':
        """Return the channels, those of ``marks`` (bool) as live ones."""
        return Channels(self.kind.masked_fill(marks, LIVE), self.value.masked_fill(marks, 0.),
                        self.high.masked_fill(marks, torch.inf))

    def place(self, index: Sequence[int], count: int) -> 'Channels':
        """Return a map whose channel ``index[j]`` of ``count`` is channel j; the others are 0."""
        found = uniform(torch.zeros(count))
        for tensor, own in zip(found._tensors(), self._tensors(), strict=True):
            tensor[index] = own
        return found

    @classmethod
    def concatenate(cls, parts: Sequence['Channels']) -> 'Channels':
        """Return the channels of several maps after one another."""
        return cls(*map(torch.cat, zip(*(part._tensors() for part in parts), strict=True)))

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.kind, self.value, self.high


def uniform(value: Tensor) -> Channels:
    """Return channels that are one number each."""
    value = value.double()
    return Channels(torch.full((len(value), ), UNIFORM), value, torch.full_like(value, torch.inf))


def of_kind(count: int, kind: int) -> Channels:
    """Return ``count`` channels of one kind, of which nothing else is known."""
    return Channels(torch.full((count, ), kind), torch.zeros(count, dtype=torch.float64),
                    torch.full((count, ), torch.inf, dtype=torch.float64))
