"""A sparsity schedule rises slowly at first and at last, fast between."""
import math

from mmst.pruning.schedules.base import Schedule
from mmst.registry import SCHEDULES


@SCHEDULES.register_module('cosine')
class Cosine(Schedule):
    """Rises as p · (1 − cos(π k/n)) / 2 to the k-th of the run's n prunes.

    ``self.sparsity`` is p and ``self.prunes`` is n: both come from the run.
    """

    def at(self, prune: int) -> float:
        done = min(prune / self.prunes, 1.)
        return self.sparsity * (1 - math.cos(math.pi * done)) / 2
