"""Which search units stay, by their importance factors."""
from typing import Dict, List, Mapping, Optional

import torch
from torch import Tensor

from ..errors import TrainingError
from .units import UnitGroup


def units_to_keep(groups: Mapping[str, UnitGroup], averaged: Optional[Mapping[str, UnitGroup]],
                  threshold: float, last: bool = False) -> Dict[str, List[int]]:
    """Indices of the units that stay, for every group that loses one (paper Sec. 3.1).

    A unit goes where |γ| is below the threshold: with an averaged model only if both the current
    and the averaged γ are, and at the last search of a run by the averaged γ alone, since the
    averaged model becomes the ticket. A group that needs some units (``UnitGroup.minimum``) keeps
    its most important ones.

    Args:
        groups (Mapping[str, UnitGroup]): Units of the model in training.
        averaged (Mapping[str, UnitGroup], optional): The same units of the averaged model.
        threshold (float): ε.
        last (bool): Whether this is the run's last search. Defaults to False.

    Raises:
        TrainingError: If an importance factor is not finite; no unit is removed then.
    """
    keep = {}
    for name, group in groups.items():
        importance = _finite(name, group.gamma)
        if averaged is not None:
            by_average = _finite(name, averaged[name].gamma)
            importance = by_average if last else torch.maximum(importance, by_average)
        stays = importance >= threshold
        if int(stays.sum()) < group.minimum:
            stays[importance.argsort(descending=True, stable=True)[:group.minimum]] = True
        if not bool(stays.all()):
            keep[name] = torch.nonzero(stays).flatten().tolist()
    return keep


def _finite(name: str, gamma: Tensor) -> Tensor:
    importance = gamma.detach().abs()
    if not bool(importance.isfinite().all()):
        raise TrainingError(
            f'importance factors of {name} are not finite: training has diverged and no unit was '
            'removed. Remedy: resume from the last good checkpoint with a lower learning rate, '
            'gradient clipping (optim_wrapper.clip_grad) or without --amp.')
    return importance
