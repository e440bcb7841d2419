"""Collects the channels of a network that must go together, and those that must stay."""
import torch
from torch import Tensor

#: The label of all but channels: constants, the image, results of unknown functions.
NONE = 0


class Couplings:
    """Collects couplings of labels during a pass; a label is a number that stands for one channel.

    Arrays of labels are int64 tensors of any shape. Nothing is solved before :meth:`solve`.
    """

    def __init__(self) -> None:
        self.count = 1
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._rectangles: list[Tensor] = []
        self._kept: list[Tensor] = []

    def fresh(self, number: int) -> Tensor:
        """Return new labels, (number,)."""
        self.count += number
        return torch.arange(self.count - number, self.count)

    def join(self, one: Tensor, other: Tensor) -> None:
        """Couple labels at the same place, after broadcasting; labels that meet NONE stay."""
        one, other = torch.broadcast_tensors(one, other)
        differ = one != other
        self._pairs.append((one[differ], other[differ]))

    def unite(self, labels: Tensor, dim: int) -> None:
        """Join all labels along ``dim``."""
        self.join(labels, labels.narrow(dim, 0, 1))

    def keep(self, labels: Tensor) -> None:
        """Keep these from being removed."""
        self._kept.append(labels.flatten())

    def rectangle(self, labels: Tensor) -> None:
        """Note that a dimension was split: the sizes left must make a product again.

        Either whole slices along the leading dimensions go, where something has united all that is
        within a slice (heads of attention), or the same place in each slice (shuffled channels).
        """
        self._rectangles.append(labels)

    def solve(self) -> Tensor:
        """Return the smallest label of each label's component, (count,); NONE for those that stay.
        """
        roots = torch.arange(self.count)
        pairs = [torch.cat(parts) for parts in zip(*self._pairs, strict=True)] or [
            torch.empty(0, dtype=torch.long)] * 2
        kept = torch.cat([torch.zeros(1, dtype=torch.long), *self._kept])
        pairs = [torch.cat([pairs[0], kept]), torch.cat([pairs[1], torch.zeros_like(kept)])]
        while True:
            roots = _smallest(roots, *pairs)
            more = [pair for labels in self._rectangles for pair in _missing(labels, roots)]
            if not more:
                return roots
            pairs = [torch.cat([old, *new]) for old, new in zip(pairs, zip(*more, strict=True),
                                                                strict=True)]


def _smallest(roots: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Return a graph's components: labels take their neighbours' smallest until nothing changes."""
    while True:
        a, b = roots[one], roots[other]
        if bool((a == b).all()):
            return roots
        least = torch.minimum(a, b)
        roots = roots.scatter_reduce(0, torch.cat([a, b]), torch.cat([least, least]), 'amin')
        while True:
            shorter = roots[roots]
            if torch.equal(shorter, roots):
                break
            roots = shorter


def _missing(labels: Tensor, roots: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return pairs that must be joined before the rest of ``labels`` can be a product."""
    found = roots[labels]
    while found.dim() > 1 and bool((found == found[..., :1]).all()):
        found = found[..., 0]
    if found.dim() < 2:
        return []
    rows = found.flatten(0, -2)
    first = rows[:1].expand_as(rows)
    differ = rows != first
    return [(rows[differ], first[differ])] if bool(differ.any()) else []
