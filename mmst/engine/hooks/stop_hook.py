"""Ends a run when it is asked to, and loses nothing of it."""
import sys
from pathlib import Path
from typing import Any

from mmengine import dist
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner

from ... import files
from ...openmmlab.internals import is_resumed
from ...registry import HOOKS
from ..optim.gathered_gradients import GatheredGradients
from ..run.position import (
    KEY,
    Position,
    can_stop_inside,
    describe_position,
    finish_epoch_first,
    random_state,
    read,
)
from ..run.resume import STOPPED, remove_outdated
from ..run.runner_views import find_hook
from ..run.shared_signal import SharedSignal, smallest_of_ranks
from ..run.steps import counts_iterations, trains
from ..run.stop import Stopped, StopSignals
from .interval_hook import drop_functions
from .resume_hook import ResumeHook


@HOOKS.register_module()
class StopHook(Hook):
    """Ends a run at its next step when SIGTERM or SIGINT asks for it, with a whole checkpoint.

    ``WORK_DIR/epoch_E_iter_K.pth`` holds a run that has done E epochs and K batches of the next one
    (K of all iterations in iteration-based runs). With ``--resume`` it goes on at that batch and
    ends as if it had not been stopped, bit by bit on a CPU. Signals count in an evaluation, too.
    Several processes agree on the step about once a second. The process ends with exit status 143
    or 130.

    ``mmst train`` and all other tools that train register it; it need not be in a config. Where
    it is, a notebook's interrupt ends a run in the same way.
    """
    priority = 100

    def __init__(self) -> None:
        self.signals = StopSignals()
        self._position: Position | None = None
        self._begin: dict[str, Any] = {}
        self._shared = SharedSignal()
        self._shared_batches = 0
        self._known: str | None = None  # the last ordinary checkpoint
        self._written: Path | None = None  # the same, if this process has written it

    def before_run(self, runner: Runner) -> None:
        if trains(runner) and not self.signals.active:
            run = runner.train_loop.run

            def run_noting() -> Any:
                with self.signals:
                    return run()

            runner.train_loop.run = run_noting

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if find_hook(runner, ResumeHook) is None:  # which has done this already
            drop_functions(checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if is_resumed(runner) and trains(runner) and find_hook(runner, ResumeHook) is None:
            self._position = read(checkpoint)

    def before_train(self, runner: Runner) -> None:
        self.signals.defer()
        self._known = runner.message_hub.runtime_info.get('last_ckpt')
        self._shared.begin()
        if self._position is not None and self._position.done:
            finish_epoch_first(runner, self._position)

    def before_train_epoch(self, runner: Runner) -> None:
        self._begin = random_state()  # the last hook: the order of the data comes next

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        if counts_iterations(runner):
            self._look_at_checkpoints(runner)
        number = self._shared.agree(self.signals)
        if number and counts_iterations(runner):
            self._stop(runner, number, runner.epoch, runner.iter + 1, dict(iter=runner.iter + 1))
        elif number and can_stop_inside(runner):
            position = describe_position(runner, batch_idx + 1, self._begin)
            self._stop(runner, number, runner.epoch, batch_idx + 1,
                       {'iter': runner.iter + 1, KEY: position})

    def after_train_epoch(self, runner: Runner) -> None:
        if not counts_iterations(runner):
            self._look_at_checkpoints(runner)
            number = self._shared.agree(self.signals, now=True)
            if number:
                self._stop(runner, number, runner.epoch + 1, 0, {})

    def before_val_epoch(self, runner: Runner) -> None:
        if self.signals.deferring:
            self._shared_batches = smallest_of_ranks(len(runner.val_dataloader))[0]

    def after_val_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                       outputs=None) -> None:
        # Not beyond: a process with fewer batches would be waited for.
        number = self._shared.agree(self.signals) if batch_idx < self._shared_batches else None
        if number:
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):
                    hook.after_val_epoch(runner)  # the networks change places again
            done = runner.iter if counts_iterations(runner) else 0
            self._stop(runner, number, runner.epoch, done, {})

    def after_train(self, runner: Runner) -> None:
        self.signals.deferring = False

    def _stop(self, runner: Runner, number: int, epoch: int, done: int,
              meta: dict[str, Any]) -> None:
        """Save the run as it will be after ``epoch`` epochs and ``done`` batches, and end."""
        path = self._ordinary(runner, epoch, done)
        if path is None:
            if isinstance(runner.optim_wrapper, GatheredGradients):
                runner.optim_wrapper.collect()
            path = Path(runner.work_dir, STOPPED.format(epoch, done))
            runner.save_checkpoint(
                str(path.parent), path.name, meta={'epoch': epoch, 'iter': runner.iter, **meta},
                by_epoch=not counts_iterations(runner), backend_args=dict(backend='mmst_atomic'))
            if dist.is_main_process():
                files.write_bytes(path.with_name('last_checkpoint'), str(path).encode(),
                                  own=True)
                remove_outdated(runner.work_dir, path)
        dist.barrier()  # a launcher ends the others as soon as one has ended
        stopped = Stopped(number, reported=True)
        if dist.is_main_process():
            print(f'{stopped.name}: the run has stopped after {_place(runner, epoch, done)}, and '
                  f'{path} holds all of it. Go on with --resume.', file=sys.stderr, flush=True)
        raise stopped

    def _ordinary(self, runner: Runner, epoch: int, done: int) -> Path | None:
        """Return the checkpoint of this very place that the run has just written by itself."""
        names = ([f'iter_{done}.pth'] if counts_iterations(runner) else
                 [f'epoch_{epoch}.pth'] if not done else [])
        found = self._written
        return found if found is not None and found.name in names else None

    def _look_at_checkpoints(self, runner: Runner) -> None:
        """Delete an earlier stop's checkpoint after an ordinary one."""
        last = runner.message_hub.runtime_info.get('last_ckpt')
        if last != self._known:
            self._known, self._written = last, Path(last)
            if dist.is_main_process():
                remove_outdated(runner.work_dir, self._written)


def _place(runner: Runner, epoch: int, done: int) -> str:
    if counts_iterations(runner):
        return f'iteration {done} of {runner.max_iters}'
    inside = f' and {done} of {len(runner.train_dataloader)} batches' if done else ''
    return f'{epoch} of {runner.max_epochs} epochs{inside}'
