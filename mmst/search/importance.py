"""Which search units stay, by their importance factors."""
from collections.abc import Mapping

import torch
from torch import Tensor

from ..errors import TrainingError
from .units import UnitGroup

#: For each group that loses a unit the indices of the units that stay.
Keep = dict[str, list[int]]


def units_to_keep(groups: Mapping[str, UnitGroup], averaged: Mapping[str, UnitGroup] | None,
                  threshold: float, last: bool = False) -> Keep:
    """Indices of the units that stay, for every group that loses one (paper Sec. 3.1).

    A group that needs some units (``UnitGroup.minimum``) keeps its most important ones.

    Args:
        groups (Mapping[str, UnitGroup]): Units of the model in training.
        averaged (Mapping[str, UnitGroup], optional): The same units of the averaged model.
        threshold (float): ε.
        last (bool): Whether this is the run's last search. Defaults to False.

    Raises:
        TrainingError: If an importance factor is not finite; no unit is removed then.
    """
    keep = {}
    for name, importance in importances(groups, averaged, last).items():
        stays = importance >= threshold
        least = groups[name].minimum
        if int(stays.sum()) < least:
            stays[importance.argsort(descending=True, stable=True)[:least]] = True
        if not bool(stays.all()):
            keep[name] = torch.nonzero(stays).flatten().tolist()
    return keep


def importances(groups: Mapping[str, UnitGroup], averaged: Mapping[str, UnitGroup] | None,
                last: bool = False, reduction: str = 'mean') -> dict[str, Tensor]:
    """Importance of every unit: |γ|, summed up by ``reduction`` where a unit has several.

    A unit goes where it is below the threshold: with an averaged model only if both the current
    and the averaged γ are, and at the last search of a run by the averaged γ alone, since the
    averaged model becomes the ticket.

    Raises:
        TrainingError: If one is not finite.
    """
    found = {}
    for name, group in groups.items():
        found[name] = _finite(name, group.importance(reduction))
        if averaged is not None:
            by_average = _finite(name, averaged[name].importance(reduction))
            found[name] = by_average if last else torch.maximum(found[name], by_average)
    return found


def _finite(name: str, importance: Tensor) -> Tensor:
    if not bool(importance.isfinite().all()):
        raise TrainingError(
            f'importance factors of {name} are not finite: training has diverged and no unit was '
            'removed. Remedy: resume from the last good checkpoint with a lower learning rate, '
            'gradient clipping (optim_wrapper.clip_grad) or without --amp.')
    return importance
