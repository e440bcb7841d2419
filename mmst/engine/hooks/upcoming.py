"""Lists the next events of a run."""

from mmengine.runner import Runner

from ..run.runner_views import find_hook
from ..run.steps import counts_iterations, max_steps, validation_due
from .prune_hook import PruneHook
from .search_hook import SearchHook


def upcoming(runner: Runner, step: int) -> list[str]:
    """Return the next search, prune and evaluation after ``step``, in words."""
    search, prune = find_hook(runner, SearchHook), find_hook(runner, PruneHook)
    steps = max_steps(runner)
    found, unit = [], 'iteration' if counts_iterations(runner) else 'epoch'
    if search is not None and multiple_after(step, search.interval) <= steps:
        found.append(f'search in {unit} {multiple_after(step, search.interval)}')
    if prune is not None and step < steps:
        at = min(multiple_after(step, prune.interval), steps)
        found.append(f'prune in {unit} {at} (to {due_sparsity(runner, at):.0%})')
    evaluation = next((n for n in range(step + 1, steps + 1) if validation_due(runner, n)), None)
    return found + ([f'evaluation in {unit} {evaluation}'] if evaluation else [])


def due_sparsity(runner: Runner, step: int) -> float | None:
    """Return the sparsity that the schedule asks for at the end of ``step``; None without pruning.
    """
    prune = find_hook(runner, PruneHook)
    if prune is None:
        return None
    last = step == max_steps(runner)
    return prune.sparsity if last else prune.pruner.ratio(step // prune.interval)


def multiple_after(step: int, interval: int) -> int:
    """Return the first multiple of ``interval`` after ``step``."""
    return step + interval - step % interval
