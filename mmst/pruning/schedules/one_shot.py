"""Prunes in one shot."""
from ...registry import SCHEDULES
from .base import Schedule


@SCHEDULES.register_module('one_shot')
class OneShot(Schedule):
    """Gives p at every prune (two-in-one training without PP)."""

    def at(self, prune: int) -> float:
        return self.sparsity if prune > 0 else 0.
