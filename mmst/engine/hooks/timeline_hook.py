"""Records a run, so that it can be watched, and reported on later."""
import itertools
from collections.abc import Sequence
from typing import Any

import mmengine
import torch
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from ...openmmlab.internals import is_resumed, visualizer_backends
from ...pruning.mask import Mask
from ...registry import HOOKS
from ...search.histogram import edges, quantile
from ...settings.checks import check_size
from ...settings.shape import first_shape
from ...tickets.plain_data import as_plain_data
from ...version import __version__
from ..run import timeline
from ..run.events import events
from ..run.progress import Progress, unit_name
from ..run.runner_views import find_hook, unwrap
from ..run.snapshot import part_widths, snapshot
from ..run.steps import counts_iterations, iterations_per_step, max_steps, steps_done, trains
from .interval_hook import IntervalHook
from .mask_hook import MaskHook
from .search_hook import SearchHook
from .ticket_hook import TicketHook
from .upcoming import due_sparsity, upcoming

#: Events that change the network; after them a table is logged.
CHANGES = ('search', 'prune', 'reactivate')


@HOOKS.register_module()
class TimelineHook(IntervalHook):
    """Shows the effect of searches, prunes and reactivations, and keeps it for ``mmst report``.

    After each step with such an event: one table in the log; sparsity, costs and quantiles of the
    importance factors as scalars for all backends of mmengine's visualizer, and their histogram for
    those that know histograms (TensorBoard). All events go to ``WORK_DIR/timeline.jsonl``, see
    :mod:`mmst.engine.run.timeline`; checkpoints hold them too, should the file be lost. It only
    looks: training is the same without it, bit by bit. It writes in the first process alone.

    Args:
        input_shape (Sequence[int], optional): Height and width at which MACs are counted. Defaults
            to the ``SearchHook``'s, else the ``TicketHook``'s.
    """
    priority = 75

    def __init__(self, input_shape: Sequence[int] | None = None):
        self.input_shape = None if input_shape is None else check_size(
            'TimelineHook.input_shape', input_shape, 'give e.g. (512, 1024)')
        self._run: dict[str, Any] = {}
        self._entries: list[dict[str, Any]] = []
        self._loaded: Any = None

    def before_train(self, runner: Runner) -> None:
        """Begin the file; a resumed run drops the lines after its checkpoint."""
        if not is_main_process():
            return
        self.input_shape = self._find_shape(runner)
        run, entries = timeline.read(runner.work_dir) if is_resumed(runner) else (None, [])
        kept, kept_entries = timeline.check_timeline(self._loaded)
        # The supernet's widths: a network that goes on may be a searched one.
        self._run = run or {**self._describe(runner), **kept}
        entries = timeline.merge(events(runner), entries) if is_resumed(runner) else []
        self._entries = list(map(timeline.as_read, timeline.complete(entries, kept_entries)))
        timeline.begin(runner.work_dir, self._run, self._entries)
        self._write(runner, steps_done(runner))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        checkpoint[timeline.KEY] = dict(run={key: self._run[key] for key in timeline.KEPT
                                             if key in self._run}, entries=self._entries)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().after_load_checkpoint(runner, checkpoint)
        self._loaded = checkpoint.get(timeline.KEY) if is_resumed(runner) else None

    def on_step(self, runner: Runner, step: int) -> None:
        self._write(runner, step)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        # The last evaluation may come after the loop's own end.
        if trains(runner):
            self._write(runner, events(runner)[-1]['step'] if events(runner) else 0)

    def after_train(self, runner: Runner) -> None:
        super().after_train(runner)
        self._write(runner, steps_done(runner))

    def _write(self, runner: Runner, step: int) -> None:
        new = [dict(event) for event in events(runner)[len(self._entries):]]
        if not new or not is_main_process():
            return
        changed = [i for i, event in enumerate(new) if event['kind'] in CHANGES]
        if changed:
            state = self._look(runner)
            new[changed[-1]]['state'] = state
            self._log(runner, step, new, state)
        new = [timeline.as_read(event) for event in new]
        timeline.append(runner.work_dir, new)
        self._entries = self._entries + new

    def _look(self, runner: Runner) -> dict[str, Any]:
        prune = find_hook(runner, MaskHook)
        mask = (prune.drawn or prune.mask_in_force(runner)) if prune is not None else None
        return snapshot(unwrap(runner), mask or Mask({}), self.input_shape)

    def _log(self, runner: Runner, step: int, new: list[dict[str, Any]],
             state: dict[str, Any]) -> None:
        search, prune = find_hook(runner, SearchHook), find_hook(runner, MaskHook)
        progress = Progress(
            'iteration' if counts_iterations(runner) else 'epoch', step, max_steps(runner), new,
            state, search and search.supernet, due_sparsity(runner, step),
            prune.sparsity if prune is not None else None, upcoming(runner, step))
        runner.logger.info(progress.table())
        scalars = {f'network/{key}': float(state[key]) for key in
                   ('sparsity', 'params', 'macs', 'nonzero', 'sparse_macs') if key in state}
        for histogram in (e['importance'] for e in new if e['kind'] == 'search'):
            for label, counts in histogram.items():
                name = f'importance/{unit_name(label)}'
                scalars.update({f'{name}/{share:.0%}': quantile(counts, share)
                                for share in (0.1, 0.5, 0.9)})
                _add_histogram(runner, name, counts, step)
        runner.visualizer.add_scalars(scalars, step=step)

    def _find_shape(self, runner: Runner):
        """Return the shape at which costs are counted; None, with a warning, where that does not
        work.
        """
        search, ticket = find_hook(runner, SearchHook), find_hook(runner, TicketHook)
        shape = first_shape(self.input_shape, *(
            hook.input_shape for hook in (search, ticket) if hook))
        try:
            snapshot(unwrap(runner), Mask({}), shape)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            runner.logger.warning(
                f'TimelineHook.input_shape = {shape}: the network cannot take it '
                f'({" ".join(str(error).split())[:150]}). Remedy: give another one; parameters and '
                'MACs are left out of the log until then.')
            return None
        return shape

    def _describe(self, runner: Runner) -> dict[str, Any]:
        search, prune = find_hook(runner, SearchHook), find_hook(runner, MaskHook)
        return as_plain_data(dict(
            kind='run', step=0, unit='iteration' if counts_iterations(runner) else 'epoch',
            steps=max_steps(runner), iterations_per_step=iterations_per_step(runner),
            input_shape=self.input_shape, target=prune and prune.sparsity,
            threshold=search and search.threshold, supernet=search and search.supernet,
            widths=part_widths(unwrap(runner)), edges=edges(), seed=runner.seed,
            versions=dict(mmst=__version__, torch=torch.__version__,
                          mmengine=mmengine.__version__)))


def _add_histogram(runner: Runner, name: str, counts: Sequence[int], step: int) -> None:
    """Add the histogram for backends whose writer is TensorBoard's."""
    for backend in visualizer_backends(runner.visualizer):
        writer = getattr(backend, 'experiment', None)
        if writer is not None and hasattr(writer, 'add_histogram_raw'):
            ends, middles = edges(), [(a * b)**0.5
                                      for a, b in itertools.pairwise(edges())]
            writer.add_histogram_raw(name, ends[0], ends[-1], sum(counts),
                                     sum(n * m for n, m in zip(counts, middles, strict=True)),
                                     sum(n * m * m for n, m in zip(counts, middles, strict=True)),
                                     ends[1:], list(counts), step)
