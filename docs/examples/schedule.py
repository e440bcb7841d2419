"""A sparsity schedule rises fast at first, slower towards the target."""
from mmst.pruning.schedules.base import Schedule
from mmst.registry import SCHEDULES


@SCHEDULES.register_module('cubic')
class Cubic(Schedule):
    """Rises as p · (1 − (1 − k/n)³) at the k-th of n prunes, and is p from then on.

    Args:
        sparsity (float): The run's target p; ``PruneHook`` gives it.
        prunes (int): n.
    """

    def __init__(self, sparsity: float, prunes: int):
        super().__init__(sparsity)
        self.prunes = prunes

    def at(self, prune: int) -> float:
        left = 1 - min(prune / self.prunes, 1.)
        return self.sparsity * (1 - left**3)
