"""Renews BN statistics so that they fit the network."""
from mmengine.runner import Runner

from ...randomness import isolated_random_state
from ...registry import HOOKS
from ...search.recalibrate import average_statistics, recalibrate
from ..run.batches import training_batches, training_precision
from ..run.events import add_event, events, follows, happened
from ..run.runner_views import models, refresh_averaged
from ..run.steps import counts_iterations, max_steps, validation_due
from .interval_hook import IntervalHook, check_interval


@HOOKS.register_module()
class RecalibrateHook(IntervalHook):
    """Renews BN statistics after each search and before each evaluation of anything pruned.

    Without it pruned networks collapse for the wrong reason. Tickets can be evaluated at any time,
    so it acts after each prune and at the end too. Batches come from a loader of its own (the
    training set, its augmentation, as many workers) and pass in the precision of training; the EMA
    copy is recalibrated too; the run's random state is
    left as it was. On several processes, statistics that are not renewed are averaged over them at
    the end of each epoch and before each evaluation.

    Args:
        batches (int): Batches on each rank. Defaults to 10.
        batch_size (int, optional): Images of a batch. Defaults to the training loader's, whose
            shapes a GPU knows already (the authors use 16, and 256 on ImageNet).
    """
    priority = 72

    def __init__(self, batches: int = 10, batch_size: int | None = None):
        self.batches = check_interval('RecalibrateHook.batches', batches, 'use the authors\' 10')
        self.batch_size = batch_size if batch_size is None else check_interval(
            'RecalibrateHook.batch_size', batch_size, 'use None, for that of training')

    def on_step(self, runner: Runner, step: int) -> None:
        changed = any(e['kind'] in ('search', 'prune') for e in events(runner))
        evaluated = validation_due(runner, step) or step == max_steps(runner)
        if happened(runner, step, 'search', 'prune') or (changed and evaluated):
            self.recalibrate(runner, step)
        elif evaluated or not counts_iterations(runner):
            average_statistics(models(runner))

    def before_val_epoch(self, runner: Runner) -> None:
        # An evaluation that no interval foretold; else they agree already.
        average_statistics(models(runner))

    def on_stop(self, runner: Runner, step: int) -> None:
        if follows(runner, 'prune', 'recalibrate'):
            self.recalibrate(runner, step)

    def recalibrate(self, runner: Runner, step: int) -> None:
        """Renew the statistics now."""
        with isolated_random_state(runner.seed + step), training_precision(runner):
            count = recalibrate(models(runner), training_batches(
                runner, self.batches, runner.seed + step, self.batch_size))
        refresh_averaged(runner)
        add_event(runner, 'recalibrate', step, batches=count)
