"""Defines the interface of sparsity schedules."""
from abc import ABC, abstractmethod

from ...settings.checks import check_number


class Schedule(ABC):
    """Gives the target sparsity at each prune.

    To add one: a file next to this one with a subclass registered in ``SCHEDULES``, imported in
    ``__init__.py``; or a file of your own, which the config's ``custom_imports`` names.

    Args:
        sparsity (float): The run's target sparsity p.

    Attributes:
        prunes (int, optional): Number of prunes in the run, by its interval: the n in "the k-th of
            n". Known before the first call of :meth:`at` in a run. A subclass that sets it in its
            constructor keeps its own number.
    """
    prunes: int | None = None
    _counted = False

    def __init__(self, sparsity: float):
        self.sparsity = check_number('schedule.sparsity', sparsity, low=0, high=1,
                                     remedy='use e.g. 0.8')

    def begin(self, prunes: int) -> None:
        """Note the number of prunes in the run; its hook calls this."""
        if self.prunes is None or self._counted:
            self.prunes, self._counted = prunes, True

    @abstractmethod
    def at(self, prune: int) -> float:
        """Return the target at the ``prune``-th prune, counted from 1; 0 before the first."""
