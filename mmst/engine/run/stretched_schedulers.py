"""Lets the schedules of a run that goes on follow a config whose length has changed."""
import itertools
from typing import Any

from mmengine.runner import Runner

from ...openmmlab.internals import steps_of

#: Of a scheduler's state; everything else follows from the config.
_PROGRESS = ('last_step', '_global_step', '_last_value')


def keep_progress(checkpoint: dict[str, Any]) -> None:
    """Keep nothing but the progress of the schedulers' states, before they are loaded."""
    for state in as_list(checkpoint.get('param_schedulers')):
        for key in set(state) - set(_PROGRESS):
            del state[key]


def stretch_schedulers(runner: Runner) -> None:
    """Move schedulers that stood still, as their former length had ended, to where they are now."""
    for scheduler in as_list(runner.param_schedulers):
        if steps_of(scheduler) >= scheduler.begin:
            scheduler.last_step = min(steps_of(scheduler), scheduler.end - 1) - scheduler.begin


def as_list(schedulers: list | dict | None) -> list:
    """Return schedulers, or their states, as one list; several optimizers have a list each."""
    return list(itertools.chain.from_iterable(schedulers.values())) if isinstance(
        schedulers, dict) else schedulers or []
