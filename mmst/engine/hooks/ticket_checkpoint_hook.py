"""Checkpoints of runs whose evaluations do not all count."""
import copy
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...files import cannot_write
from ...registry import HOOKS
from .interim_metrics_hook import PREFIX
from .interval_hook import trains


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
            self.last_ckpt = runner.message_hub.runtime_info.get('last_ckpt')

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        with self._removing_last():
            try:
                super()._save_checkpoint_with_step(runner, step, meta)
            except OSError as error:
                raise cannot_write(Path(runner.work_dir, 'last_checkpoint'), error) from error

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        counting = {key: value for key, value in metrics.items() if not key.startswith(PREFIX)}
        if counting and self.save_best and trains(runner):
            with self._removing_last():
                super()._save_best_checkpoint(runner, counting)

    @contextmanager
    def _removing_last(self) -> Iterator[None]:
        """Put off what mmengine removes before it writes, to the end; not where writing fails."""
        backend, outdated = self.file_backend, []
        self.file_backend = copy.copy(backend)
        self.file_backend.remove = self.file_backend.rmtree = outdated.append
        try:
            yield
        finally:
            self.file_backend = backend
        for path in set(outdated) - set(self._current()):
            remove = backend.rmtree if backend.isdir(path) else backend.remove
            remove(path)

    def _current(self) -> List[str]:
        """Checkpoints that are named as the last and the best."""
        best = getattr(self, 'best_ckpt_path_dict', {})
        return [self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best.values()]
