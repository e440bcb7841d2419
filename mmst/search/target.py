"""Lets a search end at a network of a wanted cost."""
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..errors import config_error
from .copyable import copyable
from .importance import Keep
from .surgery import Cut
from .units import find_units

#: Costs count as met within this share above the target.
TOLERANCE = 0.02
#: By how much ρ changes after a search that is behind or ahead, and how far in all.
STEP, LIMIT = 1.5, 1000.


@dataclass(frozen=True)
class SearchTarget:
    """Holds the wanted cost of the searched network; of several the one that is met last decides.

    Attributes:
        macs (float, optional): Multiply-adds for one image.
        params (float, optional): Learnable parameters.
        ms (float, optional): Milliseconds for one image.
    """
    macs: float | None = None
    params: float | None = None
    ms: float | None = None

    def __bool__(self) -> bool:
        return bool(self.wanted)

    @property
    def wanted(self) -> dict[str, float]:
        """Return the costs that there are targets of."""
        return {key: value for key, value in vars(self).items() if value is not None}

    def ratio(self, costs: Mapping[str, float]) -> float:
        """Return the cost over target; 1 or below: the target is met."""
        return max(costs[key] / value for key, value in self.wanted.items())


def limit_removal(keep: Keep, importance: Mapping[str, torch.Tensor],
                  ratio_after: Callable[[Keep], float]) -> Keep:
    """Remove only as many of the units that are to go as the target asks for.

    The least important go first; of the numbers just above and just below the target the nearer
    one is taken.

    Args:
        keep (Keep): Group to the indices of the units that would stay.
        importance (Mapping[str, Tensor]): Group to the importance of all its units.
        ratio_after (Callable): Cost over target of the network with the units of a ``Keep``.
    """
    values = {name: importance[name].double().numpy() for name in keep}
    leaves = {name: np.ones(len(own), bool) for name, own in values.items()}
    for name, stays in keep.items():
        leaves[name][stays] = False
    # When each unit goes: first the least important; of equals, the first. The others: never.
    order = np.argsort(np.concatenate([values[n][leaves[n]] for n in keep]), kind='stable')
    turns = np.split(np.argsort(order), np.cumsum([own.sum() for own in leaves.values()])[:-1])
    goes = {name: np.full(len(own), len(order)) for name, own in leaves.items()}
    for name, turn in zip(keep, turns, strict=True):
        goes[name][leaves[name]] = turn
    names = sorted(keep, key=lambda name: goes[name].min())  # by their first unit

    def after(count: int) -> Keep:
        return {name: np.flatnonzero(goes[name] >= count).tolist() for name in names
                if goes[name].min() < count}

    def distance(count: int) -> float:
        return ratio_after(after(count)) - 1

    if distance(len(order)) >= 0:
        return keep
    above, below = 0, len(order)  # numbers of removed units whose costs lie above, below
    while below - above > 1:
        middle = (above + below) // 2
        above, below = (middle, below) if distance(middle) >= 0 else (above, middle)
    return after(min((above, below), key=lambda count: abs(distance(count))))


def copy_without_units(model: nn.Module, keep: Keep) -> nn.Module:
    """Return a copy of ``model`` without the units that ``keep`` leaves out."""
    twin = copy.deepcopy(copyable(model))
    groups = find_units(twin)
    for name, stays in keep.items():
        groups[name].keep(torch.tensor(stays, dtype=torch.long), Cut())
    return twin


def adapt_factor(factor: float, ratio: float, start: float, done: float) -> float:
    """Return the factor on ρ after a search: larger where the search is behind, smaller where
    ahead.

    Costs are meant to fall by the same share at each search.

    Args:
        factor (float): The factor so far.
        ratio (float): Cost over target now.
        start (float): Cost over target of the supernet.
        done (float): Share of the searches that is over.
    """
    planned = max(start, 1.)**(1 - done)
    if ratio > planned * (1 + TOLERANCE):
        factor *= STEP
    elif ratio < planned / (1 + TOLERANCE):
        factor /= STEP
    return min(max(factor, 1 / LIMIT), LIMIT)


def round_counts(kernel_sizes: list[int],
                 stays: list[int],
                 importance: torch.Tensor,
                 divisor: int = 1,
                 minimum: int = 0) -> list[int]:
    """Return the units that stay, with the most important of the others until the counts are right.

    Args:
        kernel_sizes (List[int]): Kernel size of each unit; each has a count of its own.
        stays (List[int]): Units that would stay.
        importance (Tensor): Of each unit.
        divisor (int): Counts are multiples of it, as far as there are units; 0 stays 0.
        minimum (int): Units of the whole group, at least.
    """
    if divisor == 1 and len(stays) >= minimum:
        return sorted(stays)
    order = importance.argsort(descending=True, stable=True).tolist()
    kept = set(stays)
    for unit in order:
        if len(kept) >= minimum:
            break
        kept.add(unit)
    for label in sorted(set(kernel_sizes)):
        own = [unit for unit in order if kernel_sizes[unit] == label]
        count = len(kept.intersection(own))
        for unit in own:
            if count % divisor == 0:
                break
            count += unit not in kept
            kept.add(unit)
    return sorted(kept)


def check_target(target: SearchTarget, whole: Mapping[str, float],
                 smallest: Mapping[str, float], owner: str = 'Searcher') -> None:
    """Refuse targets that are met from the start, or by no network at all.

    Args:
        target (SearchTarget): The wanted costs.
        whole (Mapping): Costs of the network before the search.
        smallest (Mapping): Costs of the part that no search can remove.
        owner (str): Of the settings, for messages.

    Raises:
        ConfigError: Naming the key.
    """
    names = dict(macs='flops', params='params', ms='ms')
    wanted = [(f'{owner}.target_{names[cost]}', value, whole[cost], smallest[cost])
              for cost, value in target.wanted.items()]
    for key, value, most, least in wanted:
        if value < least:
            raise config_error(key, value, f'the part that no search can remove costs {least:.6g}',
                               f'set it between that and {most:.6g}, the cost of the whole '
                               'network')
    if target.ratio(whole) <= 1:
        key, value, most, least = wanted[0]
        raise config_error(key, value, f'the whole network costs {most:.6g}, so the search '
                           'would remove nothing', f'set it between {least:.6g} and that, or '
                           'leave it out')
