"""Computes the importance of search units, and chooses those that stay."""
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import TrainingError
from .unit_group import UnitGroup

#: For each group that loses a unit the indices of the units that stay.
Keep = dict[str, list[int]]


def importances(groups: Mapping[str, UnitGroup], averaged: Mapping[str, UnitGroup] | None,
                last: bool = False, reduction: str = 'mean') -> dict[str, Tensor]:
    """Return importance of every unit: |γ|, summed up by ``reduction`` where a unit has several.

    A unit goes where it is below the threshold: with an averaged model only if both the current
    and the averaged γ are, and at the last search of a run by the averaged γ alone, since the
    averaged model becomes the ticket.

    Args:
        groups (Mapping[str, UnitGroup]): Units of the model in training.
        averaged (Mapping[str, UnitGroup], optional): The same units of the averaged model.
        last (bool): Whether this is the run's last search. Defaults to False.
        reduction (str): One of :data:`mmst.search.scales.REDUCTIONS`. Defaults to ``'mean'``.

    Returns:
        Dict[str, Tensor]: Group to the importance of its units, 1-D, on the CPU. They are views of
        one tensor: a GPU is asked once for each network.

    Raises:
        TrainingError: If one is not finite.
    """
    if not groups:
        return {}
    found = _flat(groups, reduction)
    if averaged is not None:
        by_average = _flat({name: averaged[name] for name in groups}, reduction)
        found = by_average if last else torch.maximum(found, by_average)
    return dict(zip(groups, found.split([len(group) for group in groups.values()]), strict=True))


def units_to_keep(groups: Mapping[str, UnitGroup], importance: Mapping[str, Tensor],
                  threshold: float) -> Keep:
    """Return indices of the units that stay, for every group that loses one (paper Sec. 3.1).

    A group that needs some units (``UnitGroup.minimum``) keeps its most important ones.

    Args:
        groups (Mapping[str, UnitGroup]): Units of the model in training.
        importance (Mapping[str, Tensor]): From :func:`importances`.
        threshold (float): ε.
    """
    keep = {}
    for name, values in importance.items():
        stays = values >= threshold
        least = groups[name].minimum
        if int(stays.sum()) < least:
            stays[values.argsort(descending=True, stable=True)[:least]] = True
        if not bool(stays.all()):
            keep[name] = torch.nonzero(stays).flatten().tolist()
    return keep


def nearness(importance: Iterable[Tensor], threshold: float) -> dict[str, Any]:
    """Return the distance of the smallest importance factors from ε, for a search's event.

    Args:
        importance (Iterable[Tensor]): |γ| of the units of each group that is searched, 1-D.
        threshold (float): ε.

    Returns:
        dict: ``threshold``; ``units``, their number; ``below``, the number below ε; ``smallest``,
        and ``tenth``, the factor below which a tenth of the units lie. Empty without units.
    """
    parts = [values.detach().flatten().float() for values in importance if values.numel()]
    if not parts:
        return {}
    values = torch.cat(parts).sort().values
    tenth = values[min(len(values) // 10, len(values) - 1)]
    return dict(threshold=threshold, units=len(values), below=int((values < threshold).sum()),
                smallest=float(values[0]), tenth=float(tenth))


def _flat(groups: Mapping[str, UnitGroup], reduction: str) -> Tensor:
    """Return importance of all units one after the other, on the CPU."""
    values = torch.cat([group.importance(reduction) for group in groups.values()]).cpu()
    finite = values.isfinite()
    if not bool(finite.all()):
        parts = finite.split([len(group) for group in groups.values()])
        name = next(n for n, part in zip(groups, parts, strict=True) if not bool(part.all()))
        raise TrainingError(
            f'importance factors of {name} are not finite: training has diverged and no unit was '
            'removed. Remedy: resume from the last good checkpoint with a lower learning rate, '
            'gradient clipping (optim_wrapper.clip_grad) or without --amp.')
    return values
