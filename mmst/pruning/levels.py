"""Draws nested masks of several sparsities, of which one is in force."""
import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..errors import config_error
from ..settings.checks import as_number
from .draw import draw_mask
from .mask import Mask
from .reactivation import PruneState

#: Two weights share a byte of a family's file.
MOST_LEVELS = 15
#: Levels that are nearer to each other are one, which files and their readers would mix up.
_APART = 1e-6
#: Of a parameter's entry in ``PruneState``: how many levels keep a weight, the first ones.
KEPT_BY = 'kept_by'


def check_levels(levels: object, sparsity: float, key: str = 'family') -> tuple[float, ...]:
    """Return the levels of a family, ascending; none where there is no family.

    ``key`` is the setting's, for messages.

    Raises:
        ConfigError: They are no shares, too many, or the target is none of them.
    """
    if levels is None:
        return ()
    remedy = f'give e.g. family={_example(sparsity)}'
    listed = list(levels) if isinstance(levels, (list, tuple)) else []
    numbers = [number for number in map(as_number, listed) if number is not None]
    if not 1 < len(numbers) == len(listed) <= MOST_LEVELS or not all(0 < n < 1 for n in numbers):
        raise config_error(key, levels, 'must be two to fifteen shares between 0 and 1', remedy)
    found = tuple(sorted(numbers))
    if are_one(found):
        raise config_error(key, levels, 'names a level twice, to six decimals', remedy)
    if not any(abs(n - sparsity) < 1e-9 for n in found):
        fits = len(found) < MOST_LEVELS and not are_one(sorted([*found, sparsity]))
        raise config_error(key, levels, f'the target sparsity {sparsity!r} is no level of it',
                           (f'add {sparsity!r}, or ' if fits else '') + 'set sparsity to a level')
    return found


def are_one(levels: Sequence[float]) -> bool:
    """Return whether two of the levels, which ascend, cannot be told apart."""
    return any(after - before < _APART for before, after in itertools.pairwise(levels))


def _example(sparsity: float) -> tuple[float, ...]:
    """Return levels that a run with that target takes."""
    return tuple(sorted([sparsity, *(n for n in (0.5, 0.8) if abs(n - sparsity) >= _APART)]))


def levels_at(levels: Sequence[float], ratio: float, target: float) -> tuple[float, ...]:
    """Return the levels that there are under a mask of a sparsity: it, and those that are looser;
    once the target is reached, all.
    """
    if ratio >= target - 1e-9:
        return tuple(levels)
    return (*(level for level in levels if level < ratio - 1e-9), ratio)


def kept_by_levels(weights: Mapping[str, Tensor], mask: Mask, levels: Sequence[float],
                   ratio: float, scope: str) -> dict[str, Tensor]:
    """Return how many of the levels keep each weight; each level keeps a part of the one before.

    Args:
        weights (Mapping[str, Tensor]): Name to the weights, also those that ``mask`` holds at 0.
        mask (Mask): That of the level ``ratio``.
        levels (Sequence[float]): Sparsities, ascending; ``ratio`` is one of them.
        ratio (float): The level in force.
        scope (str): As of :func:`draw_mask`.

    Returns:
        dict[str, Tensor]: uint8 of the weights' shapes.
    """
    sizes = {name: weight.detach().abs().float() for name, weight in weights.items()}
    most = max((float(size.max()) for size in sizes.values() if size.numel()), default=0.)
    # All that the mask keeps is kept by looser levels, however small it is.
    lifted = {name: torch.where(mask[name].to(size.device), size + 2 * most + 1, size)
              for name, size in sizes.items()}
    counts = {name: torch.zeros_like(size, dtype=torch.uint8) for name, size in sizes.items()}
    own: Mask | None = None
    for level in levels:
        if abs(level - ratio) < 1e-9:
            own = mask
        else:
            own = draw_mask(lifted if level < ratio else sizes, level, scope, own)
        for name, kept in own.items():
            counts[name] += kept.to(counts[name].device)
    return counts


def whole(weight: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """Return a weight with the values that its mask holds back."""
    if 'value' not in state:
        return weight.detach()
    return torch.where(state['pruned'], state['value'], weight.detach())


@torch.no_grad()
def begin_levels(masks: PruneState, names: Mapping[str, torch.nn.Parameter],
                 counts: Mapping[str, Tensor]) -> None:
    """Note the levels of masks that have come into force; values outside the loosest are dropped.
    """
    for name, count in counts.items():
        state = masks[names[name]]
        state[KEPT_BY] = count
        state['value'].masked_fill_(count == 0, 0)


@torch.no_grad()
def show_level(masks: PruneState, place: int) -> None:
    """Give the weights the values that they have at a level."""
    for weight, state in masks.items():
        weight.copy_(torch.where(state[KEPT_BY] > place, whole(weight, state), 0.))


@torch.no_grad()
def hide_level(masks: PruneState, place: int) -> None:
    """Keep the values that weights have at a looser level than the mask in force, and set them to
    0 there.
    """
    for weight, state in masks.items():
        held_back = state['pruned'] & (state[KEPT_BY] > place)
        state['value'].copy_(torch.where(held_back, weight, state['value']))
        weight.masked_fill_(state['pruned'], 0)
