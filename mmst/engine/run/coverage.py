"""Says at the start of a run which parts it will leave as they are."""
from typing import Any, Protocol, runtime_checkable

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from ...costs.coverage import coverage
from ...search.searcher import Searcher
from ...search.units import find_units
from .runner_views import unwrap


@runtime_checkable
class PrunesWeights(Protocol):
    """Is a hook that prunes, e.g. ``PruneHook``."""
    #: Arguments of ``prunable_weights``.
    select: dict[str, Any]
    #: Whether the user names the parts to prune.
    chooses_parts: bool

    def weights(self, runner: Runner) -> dict[str, nn.Parameter]:
        """Return the prunable weights of the runner's model, by name."""


@runtime_checkable
class SearchesUnits(Protocol):
    """Is a hook that removes search units, e.g. ``SearchHook``."""
    searcher: Searcher


def log_coverage(runner: Runner, caller: Hook) -> None:
    """Log one line: which share of all parameters is prunable, searched, or neither.

    Args:
        runner (Runner): With all its hooks, and its model as it begins to train.
        caller (Hook): Of a ``PruneHook`` and a ``SearchHook`` the former's call logs it.
    """
    prune = next((hook for hook in runner.hooks if isinstance(hook, PrunesWeights)), None)
    search = next((hook for hook in runner.hooks if isinstance(hook, SearchesUnits)), None)
    if caller is not (prune or search):
        return
    model = unwrap(runner)
    weights, parts = ({}, ()) if prune is None else (prune.weights(runner), prune.select['parts'])
    groups = [] if search is None else [
        name for name in find_units(model) if not search.searcher.leaves_alone(name)]
    found, hint = coverage(model, weights, groups, parts), ''
    whole = [part for part, _ in model.named_children() if part in found.left_out
             and part not in parts]
    if prune is not None and prune.chooses_parts and weights and whole:
        largest = max(whole, key=lambda part: found.left_out[part])
        if found.left_out[largest] > found.prunable:
            hint = f'; to prune {largest}, too, name it in PruneHook.parts'
    runner.logger.info(found.line() + hint)
