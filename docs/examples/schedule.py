"""A sparsity schedule rises fast at first, slower towards the target."""
from mmst.pruning.schedules.base import Schedule
from mmst.registry import SCHEDULES


@SCHEDULES.register_module('cubic')
class Cubic(Schedule):
    """Rises as p · (1 − (1 − k/n)³) at the k-th of the run's n prunes.

    ``self.sparsity`` is p and ``self.prunes`` is n: both come from the run.
    """

    def at(self, prune: int) -> float:
        left = 1 - min(prune / self.prunes, 1.)
        return self.sparsity * (1 - left**3)
