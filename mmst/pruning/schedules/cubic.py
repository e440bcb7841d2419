"""Prunes gradually, fast at first."""
from ...registry import SCHEDULES
from ...settings.checks import check_number
from .base import Schedule


@SCHEDULES.register_module('cubic')
class Cubic(Schedule):
    """Gives p · (1 − (1 − k/m)³) at the k-th prune (Zhu and Gupta 2017, Eq. 1).

    Gradual magnitude pruning (GMP) is this schedule without reactivation. After the m-th prune the
    network trains on at p.

    Args:
        sparsity (float): The run's target sparsity p.
        end (float): m as a share of the run's prunes. Defaults to 0.75.
    """

    def __init__(self, sparsity: float, end: float = 0.75):
        super().__init__(sparsity)
        self.end = check_number('schedule.end', end, above=0, high=1, remedy='use e.g. 0.75')

    def at(self, prune: int) -> float:
        rises = max(1, round(self.end * (self.prunes or prune)))
        return self.sparsity * (1 - (1 - min(prune / rises, 1.))**3)
