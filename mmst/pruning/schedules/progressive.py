"""Prunes progressively."""
from ...registry import SCHEDULES
from .base import Schedule


@SCHEDULES.register_module('progressive')
class Progressive(Schedule):
    """Gives min(p, 10% * k) at the k-th prune (PP, Sec. 3.2)."""

    def at(self, prune: int) -> float:
        return min(self.sparsity, prune / 10)
