"""Alternates between pruned and dense training."""
from ...registry import SCHEDULES
from ...settings.checks import check_number
from .base import Schedule


@SCHEDULES.register_module('alternating')
class Alternating(Schedule):
    """Gives p and 0 in turn, and p throughout the last part (AC/DC, Peste et al. 2021, Alg. 1).

    Training begins dense, until the first prune; in dense phases all weights train, those that were
    pruned from zero. A phase lasts from one prune to the next: ``PruneHook.interval`` steps.

    Args:
        sparsity (float): The run's target sparsity p.
        last (float): Share of the prunes that end the run at p. Defaults to 0.3.
    """

    def __init__(self, sparsity: float, last: float = 0.3):
        super().__init__(sparsity)
        self.last = check_number('schedule.last', last, low=0, high=1, remedy='use e.g. 0.3')

    def at(self, prune: int) -> float:
        begins = (1 - self.last) * (self.prunes or prune)
        return self.sparsity if prune > 0 and (prune % 2 or prune >= begins) else 0.
