"""What a sparsity schedule is."""
from abc import ABC, abstractmethod


class Schedule(ABC):
    """Gives the target sparsity at each prune.

    To add one: a file next to this one with a subclass registered in ``SCHEDULES``, imported in
    ``__init__.py``.

    Args:
        sparsity (float): The run's target sparsity p.
    """

    def __init__(self, sparsity: float):
        self.sparsity = sparsity

    @abstractmethod
    def at(self, prune: int) -> float:
        """Return the target at the ``prune``-th prune, counted from 1; 0 before the first."""
