"""Warns of schedules that are longer than the run."""
from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.optim.scheduler.param_scheduler import INF
from mmengine.runner import Runner

from ...registry import HOOKS
from ..run.search_advice import warn
from ..run.stretched_schedulers import as_list


@HOOKS.register_module()
class SchedulesHook(Hook):
    """Warns at the start of schedules that the run ends in the middle of, or never begins.

    A run that is made shorter keeps the schedules of the longer one, so that its learning rate
    hardly falls. ``mmst train`` registers this hook.
    """

    def before_train(self, runner: Runner) -> None:
        warn(runner, *find_unfinished(as_list(runner.param_schedulers), runner.max_epochs,
                                      runner.max_iters))


def find_unfinished(schedulers: Sequence[Any], epochs: int, iterations: int) -> list[str]:
    """Return a warning for each schedule that is not gone through.

    Args:
        schedulers (Sequence): Of mmengine; those without an end go on for ever.
        epochs (int): Of the run.
        iterations (int): Of the run.
    """
    found = []
    for scheduler in schedulers:
        steps, unit = (epochs, 'epochs') if scheduler.by_epoch else (iterations, 'iterations')
        end = getattr(scheduler, 'end', INF)
        if steps < end < INF:
            part = 'never begins' if scheduler.begin >= steps else 'does not come to its end'
            found.append(f'{type(scheduler).__name__} from {scheduler.begin} to {end} {part}: the '
                         f'run has {steps} {unit}. If that is not meant, change param_scheduler '
                         'with the length of the run.')
    return found
