"""Keeps checkpoints of runs whose evaluations do not all count."""
import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...files import cannot_write
from ...openmmlab.internals import is_resumed
from ...registry import HOOKS
from ..optim.gathered_gradients import GatheredGradients
from ..run.own_files import own_name, own_steps
from ..run.resume import STOPPED, remove_outdated
from ..run.steps import trains
from .interim_metrics_hook import PREFIX

#: In the message hub: files that are removed after the checkpoint that says so is written.
OUTDATED = 'mmst_outdated'


@HOOKS.register_module()
class TicketCheckpointHook(CheckpointHook):
    """Is a ``CheckpointHook`` whose ``save_best`` looks at evaluations at the target sparsity only.

    Same arguments. Files are written under another name and renamed, and outdated ones are removed
    after that: neither a kill nor a full disk leaves half a checkpoint, or less than there was.
    """

    best_ckpt_path: str | None
    file_backend: Any

    def __init__(self, *args, **kwargs):
        kwargs.setdefault('backend_args', dict(backend='mmst_atomic'))
        super().__init__(*args, **kwargs)

    def before_train(self, runner: Runner) -> None:
        outdated = []
        if is_resumed(runner):
            # mmengine removes the files that the lists name, and it trusts them.
            outdated = self._check_names(runner.message_hub.runtime_info)
        super().before_train(runner)
        if is_resumed(runner):
            known = runner.message_hub.runtime_info
            # A new best one is noted in it; mmengine forgets it where a run is resumed.
            self.last_ckpt = self._own_path(known.get('last_ckpt'))
            if getattr(self, 'best_ckpt_path', None) is not None:
                self.best_ckpt_path = self._own_path(self.best_ckpt_path)
            for key, path in getattr(self, 'best_ckpt_path_dict', {}).items():
                self.best_ckpt_path_dict[key] = self._own_path(path)
            # A kill may have come between writing and removing.
            if is_main_process():
                self._remove(outdated)

    def _check_names(self, known: dict[str, Any]) -> list[str]:
        """Leave no file name in a checkpoint's message hub that this run cannot have given.

        Returns:
            list[str]: Base names of files that are outdated.
        """
        steps = own_steps(known.pop('keep_ckpt_ids', None))
        gone = steps[:-self.max_keep_ckpts] if self.max_keep_ckpts > 0 else []
        if steps:
            known['keep_ckpt_ids'] = steps[len(gone):]
        names = [own_name(name, self.filename_tmpl) for name in _texts(known.pop(OUTDATED, None))]
        if any(names):
            known[OUTDATED] = [name for name in names if name]
        names += [self.filename_tmpl.format(step) for step in gone]
        return [name for name in names if name and self._may_go(name, steps[len(gone):])]

    def _may_go(self, name: str, kept: list[int]) -> bool:
        """Return whether a run with these settings removes a file of that name at all."""
        if name.startswith('best_'):
            return bool(self.save_best)
        return self.max_keep_ckpts > 0 and name not in map(self.filename_tmpl.format, kept)

    def _own_path(self, recorded: Any) -> str | None:
        """Return a file that a checkpoint names, in this run's own folder; None where it is not
        there.
        """
        # Those of runs that were asked to end have names of their own.
        name = own_name(recorded, self.filename_tmpl) or own_name(recorded, STOPPED)
        path = self.file_backend.join_path(self.out_dir, name) if name else None
        return path if path and self.file_backend.isfile(path) else None

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        if isinstance(runner.optim_wrapper, GatheredGradients):
            runner.optim_wrapper.collect()
        with self._removing_last(runner):
            try:
                super()._save_checkpoint_with_step(runner, step, meta)
            except OSError as error:
                raise cannot_write(Path(runner.work_dir, 'last_checkpoint'), error) from error
        if is_main_process() and self.last_ckpt is not None:
            remove_outdated(runner.work_dir, self.last_ckpt)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        counting = {key: value for key, value in metrics.items() if not key.startswith(PREFIX)}
        if counting and self.save_best and trains(runner):
            with self._removing_last(runner):
                super()._save_best_checkpoint(runner, counting)

    @contextmanager
    def _removing_last(self, runner: Runner) -> Iterator[None]:
        """Delay mmengine's removals until a file is written; drop them if writing fails."""
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
        """Remove files of this run's own names from its own folder; others stay.

        Only names count: a folder before them may come out of a checkpoint. A link goes itself,
        the file that it leads to stays.
        """
        current = {Path(path).name for path in self._current() if path}
        for name in {own_name(path, self.filename_tmpl) for path in paths} - current - {None}:
            path = self.file_backend.join_path(self.out_dir, name)
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)

    def _current(self) -> list[str | None]:
        """Return checkpoints that are named as the last and the best."""
        best = getattr(self, 'best_ckpt_path_dict', {})
        return [self.last_ckpt, getattr(self, 'best_ckpt_path', None), *best.values()]


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
