"""Describes the numbers that make search units important: entries of a network's parameters."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

#: How a unit with several scales is summed up. All of them are |γ| where there is one.
REDUCTIONS = ('mean', 'max', 'min')


@dataclass(frozen=True)
class Scale:
    """Names a parameter whose entries along one dimension belong to units; e.g. one of their BNs'
    γ.

    Attributes:
        parameter (nn.Parameter): Of any shape.
        index (Tensor): (units, k), 1 <= k: each unit's positions along ``dim``.
        dim (int): Dimension of ``parameter``. Defaults to 0.
    """
    parameter: nn.Parameter
    index: Tensor
    dim: int = 0

    def values(self) -> Tensor:
        """Return magnitudes, (units, k): absolute values, averaged over all other dimensions."""
        magnitude = self.parameter.detach().abs()
        others = [d for d in range(magnitude.dim()) if d != self.dim]
        if others:
            magnitude = magnitude.mean(others)
        return magnitude[self.index.to(magnitude.device)]

    def spread(self, costs: Tensor) -> Tensor:
        """Return the units' costs (1-D) at their positions, 0 elsewhere; it broadcasts to the
        shape.
        """
        shape = [1] * self.parameter.dim()
        shape[self.dim] = self.parameter.shape[self.dim]
        spread = torch.zeros(shape[self.dim], dtype=costs.dtype, device=costs.device)
        spread[self.index.to(costs.device)] = costs[:, None]
        return spread.view(shape)


class Penalised(Protocol):
    """Are search units that name the scales of the penalty; ``UnitGroup`` is one."""

    def penalty_terms(self, costs: Tensor) -> list[tuple[nn.Parameter, int, Tensor]]:
        """Return the parameter, dimension and costs that broadcast, for units of ``costs`` (1-D).
        """


def combine(scales: Sequence[Scale], reduction: str) -> Tensor:
    """Return importance of each unit, 1-D, by all of its scales; ``reduction`` is one of
    REDUCTIONS.
    """
    values = torch.cat([scale.values() for scale in scales], 1)
    if reduction == 'mean':
        return values.mean(1)
    return values.amax(1) if reduction == 'max' else values.amin(1)


def penalty_terms(groups: Mapping[str, Penalised],
                  costs: Mapping[str, Tensor]) -> tuple[list[nn.Parameter], list[Tensor]]:
    """Return parameters that the penalty acts on, each once, and costs that broadcast to their
    shapes.

    Args:
        groups (Mapping[str, Penalised]): Of ``find_units``.
        costs (Mapping[str, Tensor]): Relative cost of each unit, 1-D, by group.
    """
    found: dict[tuple[int, int], tuple[nn.Parameter, Tensor]] = {}
    for name, group in groups.items():
        for parameter, dim, cost in group.penalty_terms(costs[name]):
            key = (id(parameter), dim)
            found[key] = (parameter, found[key][1] + cost) if key in found else (parameter, cost)
    return [p for p, _ in found.values()], [cost for _, cost in found.values()]
