"""Finds silent divergence between the processes of a run."""
from mmengine import dist
from mmengine.runner import Runner

from ...errors import TrainingError
from ...registry import HOOKS
from ...search.recalibrate import average_statistics
from ..run.events import happened
from ..run.fingerprint import find_difference, fingerprint
from ..run.processes import check_processes
from ..run.runner_views import models
from ..run.steps import counts_iterations, trains
from .interval_hook import IntervalHook

EVENTS = ('search', 'prune', 'reactivate', 'recalibrate')


@HOOKS.register_module()
class FingerprintHook(IntervalHook):
    """Stops a distributed run whose processes no longer hold the same network.

    After each epoch, and in iteration-based runs after each step with an event, checksums of
    shapes, masks and weights, and of BN statistics after a recalibration, are compared across
    ranks. Nothing is done where there is one process only. Settings with which a network cannot
    shrink on several processes are refused before training.
    """
    priority = 74

    def before_run(self, runner: Runner) -> None:
        super().before_run(runner)
        if trains(runner) and dist.get_world_size() > 1:
            check_processes(runner)

    def on_step(self, runner: Runner, step: int) -> None:
        if dist.get_world_size() == 1:
            return
        if not counts_iterations(runner) or happened(runner, step, *EVENTS):
            self.compare(runner, step)

    def before_val_epoch(self, runner: Runner) -> None:
        """Let all processes evaluate the same network, also where no hook recalibrates."""
        average_statistics(models(runner))

    def on_stop(self, runner: Runner, step: int) -> None:
        if dist.get_world_size() > 1:
            self.compare(runner, step)

    def compare(self, runner: Runner, step: int) -> None:
        """Compare now.

        Raises:
            TrainingError: Naming ranks, the difference and the remedy; on all ranks.
        """
        recalibrated = happened(runner, step, 'recalibrate')
        difference = find_difference(fingerprint(runner, statistics=recalibrated))
        if difference is not None:
            raise TrainingError(
                f'the processes have diverged by step {step}: {difference}. Remedy: resume from '
                'the last checkpoint; if it happens again, look for a hook or a model that acts on '
                'some ranks only, for different versions or configs, or for a faulty machine.')
