"""Resumes with another number of processes: an epoch then has another number of iterations."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmengine.runner import Runner

from .steps import counts_iterations

if TYPE_CHECKING:
    from ...openmmlab.internals import ParamScheduler

KEY = 'mmst_epoch_length'


def note_epoch_length(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Write into a checkpoint how many iterations its epochs have."""
    if not counts_iterations(runner):
        checkpoint[KEY] = len(runner.train_dataloader)


def adapt_to_epoch_length(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Convert a checkpoint's counts of iterations, if its epochs had another number of them.

    The run goes on at the same epoch; schedules that were converted to iterations go on at the same
    part of their way. The learning rate itself stays: users who change the total batch size decide
    whether to scale it. mmengine would leave a schedule half done, or beyond its end.
    """
    before, now = checkpoint.get(KEY), len(runner.train_dataloader)
    if before in (None, now) or counts_iterations(runner):
        return
    runner.logger.warning(
        f'the checkpoint was written with {before} iterations an epoch, now there are {now}: '
        'iterations and learning rate schedules are converted. The learning rate is not scaled '
        'with the total batch size.')
    meta = checkpoint['meta']
    meta['iter'] = _convert(meta['iter'], before, now)
    states, schedulers = checkpoint.get('param_schedulers'), runner.param_schedulers
    if isinstance(states, list) and isinstance(schedulers, list):
        checkpoint['param_schedulers'] = [
            state if scheduler.by_epoch else _convert_state(scheduler, state, before, now)
            for scheduler, state in zip(schedulers, states, strict=False)]


def _convert_state(scheduler: ParamScheduler, state: dict[str, Any], before: int,
               now: int) -> dict[str, Any]:
    """Return the new scheduler's own lengths at the old one's place, with its values."""
    done = _convert(state['_global_step'], before, now)
    kept = {key: state[key] for key in ('base_values', '_last_value') if key in state}
    last = max(min(done, scheduler.end - 1) - scheduler.begin, -1)
    return dict(scheduler.state_dict(), **kept, _global_step=done, last_step=last)


def _convert(iterations: int, before: int, now: int) -> int:
    return round(iterations / before * now)
