"""Counts the steps of a run: iterations in iteration-based runs, else epochs."""
from bisect import bisect

from mmengine.runner import IterBasedTrainLoop, Runner

from ...openmmlab.internals import is_training


def trains(runner: Runner) -> bool:
    """Return whether the runner is training rather than only testing or validating."""
    return is_training(runner)


def counts_iterations(runner: Runner) -> bool:
    """Return whether steps are iterations rather than epochs."""
    return isinstance(runner.train_loop, IterBasedTrainLoop)


def max_steps(runner: Runner) -> int:
    """Return steps of the whole run."""
    return runner.max_iters if counts_iterations(runner) else runner.max_epochs


def steps_done(runner: Runner) -> int:
    """Return steps that are finished; call it between steps."""
    return runner.iter if counts_iterations(runner) else runner.epoch


def stopped_early(runner: Runner) -> bool:
    """Return whether a hook, e.g. ``EarlyStoppingHook``, has ended the run before its last step."""
    return bool(getattr(runner.train_loop, 'stop_training', False)
                and steps_done(runner) < max_steps(runner))


def has_ended(runner: Runner) -> bool:
    """Return whether a training run is over: at its last step, or ended early by a hook."""
    return trains(runner) and (steps_done(runner) >= max_steps(runner) or stopped_early(runner))


def iterations_per_step(runner: Runner) -> int:
    """Return iterations in a step."""
    return 1 if counts_iterations(runner) else len(runner.train_dataloader)


def validation_due(runner: Runner, step: int) -> bool:
    """Return whether the loop validates at the end of ``step``."""
    loop = runner.train_loop
    if runner.val_loop is None or step < loop.val_begin:
        return False
    interval = loop.dynamic_intervals[bisect(loop.dynamic_milestones, step + 1) - 1]
    return step % interval == 0 or step == max_steps(runner)
