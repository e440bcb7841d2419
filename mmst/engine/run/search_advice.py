"""How near a search is to removing anything, and what to change where it never does."""
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


def nearness(importance: Iterable[Tensor], threshold: float) -> dict[str, Any]:
    """How far the smallest importance factors are from ε, as entries of a search's event.

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


def describe_nearness(event: Mapping[str, Any]) -> str:
    """The same in words for the log; empty for events without it."""
    if 'smallest' not in event:
        return ''
    epsilon = event['threshold']
    return (
        f'; importance of the {event["units"]} units: {event["below"]} below threshold '
        f'{epsilon:g}, smallest {event["smallest"]:.3g} '
        f'({event["smallest"] / epsilon:.3g} times that), a tenth below {event["tenth"]:.3g}')


def advice(searches: list[Mapping[str, Any]], rho: float, warmup: int,
           target_met: bool = False) -> str | None:
    """What to change after a run whose searches removed nothing; None where one did.

    Args:
        searches (List[Mapping]): The run's search events.
        rho (float): ρ.
        warmup (int): Length of its warm-up, in the run's steps.
        target_met (bool): Whether the network met the target without a removal.
    """
    if not searches or any(event['removed'] for event in searches):
        return None
    last = searches[-1]
    start = f'{len(searches)} searches removed nothing'
    if target_met:
        return (f'{start}: the network meets its target as it is. Remedy: lower '
                'SearchHook.target_flops or target_params.')
    if 'smallest' not in last:
        return None
    if any(event.get('below') for event in searches):
        return (f'{start}, although units fell below the threshold ({last["below"]} at the last '
                'search): each group keeps its minimum and whole multiples of the divisor. Remedy: '
                'lower SearchHook.divisor or minimum, or raise rho or threshold.')
    return (
        f'{start}: the smallest importance factor is {last["smallest"]:.3g} at the last '
        f'search, {last["smallest"] / last["threshold"]:.3g} times SearchHook.threshold = '
        f'{last["threshold"]:g}. Remedy: raise SearchHook.rho (now {rho:g}), train longer, or '
        f'shorten SearchHook.warmup (now {warmup}); factors fall by about the learning rate '
        f'times rho in each iteration. With threshold = {last["tenth"]:.2g} a tenth of the units '
        'would have gone.')


def dropped_state(optimizer: Any, dropped: Mapping[str, int]) -> str | None:
    """That an optimizer's state could not be cut with the parameters, or None."""
    if not dropped:
        return None
    names = ', '.join(sorted(dropped))
    return (
        f'{type(optimizer).__name__} keeps state ({names}) of another form than its '
        f'parameters: that of {sum(dropped.values())} parameters could not be cut with them and '
        'begins anew. '
        'This is said once; later searches do the same.')
