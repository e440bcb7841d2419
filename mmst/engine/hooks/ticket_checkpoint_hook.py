"""Checkpoints of runs whose evaluations do not all count."""
import copy
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator, List, Optional

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...files import cannot_write
from ...registry import HOOKS
from ..optim.gathered_gradients import GatheredGradients
from ..resume import remove_outdated
from .interim_metrics_hook import PREFIX
from .interval_hook import trains

#: In the message hub: files that are removed after the checkpoint that says so is written.
OUTDATED = 'mmst_outdated'


@HOOKS.register_module()
class TicketCheckpointHook(CheckpointHook):
    """``CheckpointHook`` whose ``save_best`` looks at evaluations at the target sparsity only.

    Same arguments. Files are written beside and renamed, and outdated ones are removed after that:
    neither a kill nor a full disk leaves half a checkpoint, or less than there was.
    """

    def __init__(self, *args, **kwargs):
        kwargs.setdefault('backend_args', dict(backend='mmst_atomic'))
        super().__init__(*args, **kwargs)

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if runner._resume:
            # A new best one is noted in it; mmengine forgets it where a run is resumed.
            known = runner.message_hub.runtime_info
            self.last_ckpt = known.get('last_ckpt')
            # A kill may have come between writing and removing.
            if is_main_process():
                self._remove(self.file_backend.join_path(self.out_dir, name)
                             for name in known.get(OUTDATED, []))

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        if isinstance(runner.optim_wrapper, GatheredGradients):
            runner.optim_wrapper.collect()
        with self._removing_last(runner):
            try:
                super()._save_checkpoint_with_step(runner, step, meta)
            except OSError as error:
                raise cannot_write(Path(runner.work_dir, 'last_checkpoint'), error) from error
        if is_main_process():
            remove_outdated(runner.work_dir, self.last_ckpt)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        counting = {key: value for key, value in metrics.items() if not key.startswith(PREFIX)}
        if counting and self.save_best and trains(runner):
            with self._removing_last(runner):
                super()._save_best_checkpoint(runner, counting)

    @contextmanager
    def _removing_last(self, runner: Runner) -> Iterator[None]:
        """Put off what mmengine removes before it writes, to the end; not where writing fails."""
        backend, outdated = self.file_backend, []

        def put_off(path: str) -> None:
            outdated.append(path)
            runner.message_hub.update_info(OUTDATED, [Path(path).name for path in outdated])

        self.file_backend = copy.copy(backend)
        self.file_backend.remove = self.file_backend.rmtree = put_off
        try:
            yield
        finally:
            self.file_backend = backend
        self._remove(outdated)

    def _remove(self, paths: Iterable[str]) -> None:
        current = {Path(path).name for path in self._current() if path}
        for path in {path for path in paths if Path(path).name not in current}:
            if self.file_backend.isdir(path):
                self.file_backend.rmtree(path)
            elif self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _current(self) -> List[Optional[str]]:
        """Checkpoints that are named as the last and the best."""
        best = getattr(self, 'best_ckpt_path_dict', {})
        return [self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best.values()]
