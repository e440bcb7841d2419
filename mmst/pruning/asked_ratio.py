"""Asks a schedule, which may be the user's own, for the sparsity of a prune."""
from typing import Any

from ..errors import blaming, config_error
from ..settings.checks import as_number
from .schedules.base import Schedule


def begin_schedule(schedule: Any, prunes: int, key: str = 'schedule') -> None:
    """Tell a schedule how many prunes the run has; one of another making need not know.

    Args:
        schedule (Any): A :class:`Schedule`, or an object with ``at``.
        prunes (int): Of the run.
        key (str): Of the setting, for messages.

    Raises:
        ConfigError: It fails.
    """
    if isinstance(schedule, Schedule):
        with blaming(key, type(schedule).__name__, 'begin()', 'correct its begin()'):
            schedule.begin(prunes)


def asked_ratio(schedule: Any, prune: int, key: str = 'schedule') -> float:
    """Return the sparsity that a schedule asks for at a prune, counted from 1.

    Before the first prune it is 0, and the schedule is not asked; ``key`` is for messages.

    Raises:
        ConfigError: It fails, or asks for something else than a share of the weights.
    """
    if prune < 1:
        return 0.
    kind = type(schedule).__name__
    with blaming(key, kind, f'at({prune})', 'correct its at()'):
        ratio = schedule.at(prune)
    if as_number(ratio) is None or not 0 <= ratio < 1:
        raise config_error(key, kind, f'at prune {prune} it asks for {ratio!r}',
                           'let at() return a share of the weights, 0 or above and below 1')
    return float(ratio)
