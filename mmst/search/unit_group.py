"""Holds search units that are removed alike."""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .scales import Scale, combine
from .surgery import Cut

HW = tuple[int, int]


@dataclass(frozen=True)
class UnitGroup:
    """Holds search units that are removed alike, with their importance factors (Sec. 3.1).

    Most have one BN, whose scales γ are the factors. Coupled channels of a whole network, e.g.
    those of a residual stream, have several ``scales`` in its place.

    Created at each use: wrapping a model (SyncBN) replaces modules.

    Attributes:
        kind (str): ``'channel'`` or ``'token'``.
        bn (_BatchNorm, optional): The BN; ``bn.weight`` has one entry a unit. None: see ``scales``.
        kernel_sizes (List[int]): Kernel size of each unit; 0 for tokens.
        keep (Callable): ``keep(index, cut)`` keeps the units of ``index`` (1-D, ascending) and
            removes the others from every tensor that they occupy.
        macs (Callable): ``macs(in_hw, out_hw)`` is a 1-D tensor, the multiply-adds of each unit for
            one sample whose feature map enters with ``in_hw`` and leaves with ``out_hw``.
        minimum (int): Units that a search leaves at least, the most important ones; 0 where the
            module also works with none.
        scales (Sequence[Scale]): All the factors of units that have several.
        cost (Callable, optional): ``cost(counts, in_hw, out_hw)`` are the parameters and the
            multiply-adds of everything that belongs to the units, if ``counts`` of each kernel size
            were left; both 0 without a unit. Without it a few traces tell it where all units of a
            kernel size cost the same and ``minimum`` is not 0; elsewhere each smaller network is
            traced.
    """
    kind: str
    bn: _BatchNorm | None
    kernel_sizes: list[int]
    keep: Callable[[Tensor, Cut], None]
    macs: Callable[[HW, HW], Tensor]
    minimum: int = 0
    scales: Sequence[Scale] = ()
    cost: Callable[[Mapping[int, int], HW, HW], tuple[int, int]] | None = None

    @property
    def gamma(self) -> nn.Parameter:
        """Return the importance factors, one a unit, of units that have one each."""
        if self.bn is None:
            raise TypeError('these units have several scales each, and no γ')
        return self.bn.weight

    def importance(self, reduction: str = 'mean') -> Tensor:
        """Return |γ| of each unit, 1-D; by ``reduction`` over them where a unit has several."""
        if self.scales:
            return combine(self.scales, reduction)
        return self.gamma.detach().abs()

    def penalty_terms(self, costs: Tensor) -> list[tuple[nn.Parameter, int, Tensor]]:
        """Return the scales of the penalty, for units of the relative ``costs`` (1-D).

        Several scales share the cost of their unit: it adds its cost times the mean of its
        scales to the penalty, as if it had one.

        Returns:
            List[Tuple[nn.Parameter, int, Tensor]]: A parameter, the dimension along which its
            entries belong to units, and costs that broadcast to its shape.
        """
        if self.scales:
            shared = costs / sum(scale.index.shape[1] for scale in self.scales)
            return [(scale.parameter, scale.dim, scale.spread(shared)) for scale in self.scales]
        return [(self.gamma, 0, costs)]

    def __len__(self) -> int:
        return len(self.kernel_sizes) if self.bn is None else self.bn.weight.shape[0]

    def count_by_label(self) -> dict[int, int]:
        """Return units left per kernel size (0: tokens)."""
        return {label: self.kernel_sizes.count(label) for label in sorted(set(self.kernel_sizes))}
