"""Computes costs of a network by the numbers of its search units, without a trace."""
import math
from collections.abc import Mapping
from typing import Protocol

from torch import nn

from ..search.cost import Sizes, costs_of_groups
from ..search.graph.channels import channels_of
from ..search.graph.plan import Plan, Side
from ..search.unit_group import UnitGroup

#: Group to the units of each kernel size (0: tokens).
Counts = Mapping[str, Mapping[int, int]]
Groups = Mapping[str, UnitGroup]


class Formula(Protocol):
    """Gives the costs of the layers and units that a search may change."""

    def __call__(self, groups: Groups, counts: Counts) -> tuple[int, int]:
        """Return parameters and multiply-adds if ``counts`` of the units of ``groups`` were left.
        """


class DeclaredUnits:
    """Adds up the costs that modules give of their own units.

    Args:
        sizes (Sizes): Heights and widths of the feature maps.
    """

    def __init__(self, sizes: Sizes):
        self.sizes = sizes

    def __call__(self, groups: Groups, counts: Counts) -> tuple[int, int]:
        return costs_of_groups(groups, counts, self.sizes)


class CoupledChannels:
    """Computes costs from the shapes of the tensors whose channels were followed.

    Every number of a weight is used as often as the feature map has places, however many channels
    there are.

    Args:
        plan (Plan): The network's groups.
        shapes (Mapping[str, Sequence[int]]): Of its parameters, as they are now.
        macs_of (Mapping[str, int]): Weight to its multiply-adds now.
    """

    def __init__(self, plan: Plan, shapes: Mapping[str, tuple[int, ...]],
                 macs_of: Mapping[str, int]):
        self.plan = plan
        names = dict.fromkeys(side[0] for side in plan.sizes if side[0] in shapes)
        self.shapes = {name: shapes[name] for name in names}
        self.uses = {name: macs_of[name] // math.prod(shape)
                     for name, shape in self.shapes.items() if name in macs_of}
        self.shares: dict[Side, dict[str, int]] = {}
        for group, coupled in plan.groups.items():
            for side, positions in coupled.members.items():
                self.shares.setdefault(side, {})[group] = positions.shape[1]

    def __call__(self, groups: Groups, counts: Counts) -> tuple[int, int]:
        gone = {name: self.plan.groups[name].units - sum(left.values())
                for name, left in counts.items()}
        params = macs = 0
        for name, shape in self.shapes.items():
            size = math.prod(self._length((name, dim), length, gone)
                             for dim, length in enumerate(shape))
            params += size
            macs += size * self.uses.get(name, 0)
        return params, macs

    def _length(self, side: Side, otherwise: int, gone: Mapping[str, int]) -> int:
        if side not in self.shares:
            return otherwise
        return self.plan.sizes[side] - sum(k * gone[group]
                                           for group, k in self.shares[side].items())


class Together:
    """Adds formulas up, each of costs of its own."""

    def __init__(self, *formulas: Formula):
        self.formulas = formulas

    def __call__(self, groups: Groups, counts: Counts) -> tuple[int, int]:
        found = [formula(groups, counts) for formula in self.formulas]
        return sum(params for params, _ in found), sum(macs for _, macs in found)


def formula_of(model: nn.Module, sizes: Sizes, macs_of: Mapping[str, int]) -> Formula:
    """Return how costs follow from the units of ``model``, as far as its modules and weights say.

    Args:
        model (nn.Module): The network; its shapes are looked at.
        sizes (Sizes): Heights and widths of its feature maps.
        macs_of (Mapping[str, int]): Weight to its multiply-adds now.
    """
    channels = channels_of(model)
    if channels is not None:
        shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
        return CoupledChannels(channels.plan, shapes, macs_of)
    return DeclaredUnits(sizes)
