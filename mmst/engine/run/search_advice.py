"""Says how near a search is to removing anything, and advises where it never does."""
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.runner import Runner

from ...search.result import SearchResult


class Adviser:
    """Warns after a search of its side effects; of lost state of the optimizer once a run."""

    def __init__(self) -> None:
        self._warned_of_dropped = False

    def __call__(self, step: int, result: SearchResult, optimizer: Any,
                 last: bool) -> list[str | None]:
        """Return warnings; ``last`` says whether no search follows."""
        dropped = None if self._warned_of_dropped else dropped_state(optimizer, result.dropped)
        self._warned_of_dropped |= dropped is not None
        return [describe_emptied(step, result.emptied),
                describe_missed(step, result) if last else None, dropped]


def warn(runner: Runner, *warnings: str | None) -> None:
    """Log the warnings that there are."""
    for warning in filter(None, warnings):
        runner.logger.warning(warning)


def describe_nearness(event: Mapping[str, Any]) -> str:
    """Say how far a search event's importance factors are from ε; empty where it has none."""
    if 'smallest' not in event:
        return ''
    epsilon = event['threshold']
    return (
        f'; importance of the {event["units"]} units: {event["below"]} below threshold '
        f'{epsilon:g}, smallest {event["smallest"]:.3g} '
        f'({event["smallest"] / epsilon:.3g} times that), a tenth below {event["tenth"]:.3g}')


def advise_after_run(searches: Sequence[Mapping[str, Any]], rho: float, warmup: int,
                     target_met: bool = False) -> str | None:
    """Return advice after a run whose searches removed nothing; None where one did.

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
                'SearchHook.target_flops, target_params or target_ms.')
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
    """Say that an optimizer's state could not be cut with the parameters; None where it could."""
    if not dropped:
        return None
    names = ', '.join(sorted(dropped))
    return (
        f'{type(optimizer).__name__} keeps state ({names}) of another form than its '
        f'parameters: that of {sum(dropped.values())} parameters could not be cut with them and '
        'begins again. '
        'This is said once; later searches do the same.')


def describe_emptied(step: int, emptied: list[str]) -> str | None:
    """Say that nothing is left of some groups of units; None where something is."""
    if not emptied:
        return None
    more = f' and {len(emptied) - 3} more' if len(emptied) > 3 else ''
    return (f'search at {step}: nothing is left of {", ".join(emptied[:3])}{more}: their residual '
            'paths remain. If that is too much, train again with a lower SearchHook.rho.')


def describe_missed(step: int, result: SearchResult) -> str | None:
    """Say that the last search has missed its target; None where it has not."""
    if not result.misses_target:
        return None
    return (f'search at {step}: the network costs {result.ratio:.3f} of its target, and this was '
            'the last search. Train again with a higher SearchHook.rho or threshold, or longer.')
