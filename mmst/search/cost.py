"""Computes relative costs of search units."""
from collections.abc import Mapping

import torch
from torch import Tensor

from .unit_group import UnitGroup
from .units import module_path

#: For groups that know their sizes themselves.
_ANYWHERE = ((0, 0), (0, 0))
Sizes = Mapping[str, tuple[tuple[int, int], tuple[int, int]]]


def unit_macs(groups: Mapping[str, UnitGroup], sizes: Sizes) -> dict[str, Tensor]:
    """Return multiply-adds of every unit.

    Args:
        groups (Mapping[str, UnitGroup]): From ``find_units``.
        sizes (Sizes): From ``feature_sizes``, at the task's resolution.
    """
    return {name: group.macs(*sizes.get(module_path(name), _ANYWHERE))
            for name, group in groups.items()}


def costs_of_groups(groups: Mapping[str, UnitGroup], counts: Mapping[str, Mapping[int, int]],
                    sizes: Sizes) -> tuple[int, int]:
    """Return parameters and multiply-adds of the whole network for the units of ``groups``.

    Args:
        groups (Mapping[str, UnitGroup]): Each has a ``cost``.
        counts (Mapping[str, Mapping[int, int]]): Group to its units of each kernel size.
        sizes (Sizes): From ``feature_sizes``, at the task's resolution.
    """
    found = [group.cost(counts[name], *sizes.get(module_path(name), _ANYWHERE))
             for name, group in groups.items() if group.cost is not None]
    return sum(params for params, _ in found), sum(macs for _, macs in found)


def mean_macs(macs: Mapping[str, Tensor]) -> float:
    """Return the mean over all units, which relative costs refer to."""
    return float(torch.cat(list(macs.values())).mean())
