"""Renames metrics of evaluations that do not count."""

import itertools

from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import Runner

from ...errors import config_error
from ...registry import HOOKS
from ..run.events import events
from ..run.monitors import check_monitors, plateau_schedulers
from ..run.runner_views import find_hook
from ..run.steps import trains
from .mask_hook import MaskHook

PREFIX = 'interim/'


@HOOKS.register_module()
class InterimMetricsHook(Hook):
    """Renames metrics of evaluations that are not at the run's target sparsity.

    During the progressive schedule, and while weights are reactivated, validation sees a denser
    network than the ticket. Only evaluations at the target keep their names and so count for
    ``save_best``, for early stopping, for schedules that look at a metric and for results; the
    others are logged as ``interim/…``. It acts before the hook that logs metrics. Settings that
    name a metric are checked at the first evaluation, whether it counts or not.
    """
    priority = 5

    def __init__(self):
        self._checked = False
        self._names: set[str] = set()
        self._passed_over: list[tuple[CheckpointHook, object]] = []

    def before_run(self, runner: Runner) -> None:
        stopping = find_hook(runner, EarlyStoppingHook)
        if stopping is not None and stopping.strict and find_hook(runner, MaskHook) is not None:
            raise config_error(
                'EarlyStoppingHook.strict', True, 'evaluations below the target sparsity do not '
                f'have the metric {stopping.monitor!r}', 'set strict=False; they are passed over')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if not trains(runner):
            return
        metrics = {} if metrics is None else metrics
        if metrics and not self._checked:
            check_monitors(runner, metrics)
            self._checked = True
        prune = find_hook(runner, MaskHook)
        interim = prune is not None and not prune.at_target(runner)
        self._names.update(metrics)
        if interim:
            for key in list(metrics):
                metrics[PREFIX + key] = metrics.pop(key)
            self._let_pass_over(runner)
        self._forget_stale(runner, metrics)

    def after_val(self, runner: Runner) -> None:
        for scheduler in plateau_schedulers(runner) if trains(runner) else ():
            vars(scheduler).pop('need_val_args', None)
        while self._passed_over:
            hook, save_best = self._passed_over.pop()
            hook.save_best = save_best

    def _let_pass_over(self, runner: Runner) -> None:
        """Let mmengine's hooks look for no metric until the evaluation is over."""
        for scheduler in plateau_schedulers(runner):
            scheduler.need_val_args = False
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook):
                self._passed_over.append((hook, hook.save_best))
                hook.save_best = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Leave out values of one evaluation: they are no state of a scheduler."""
        states = checkpoint.get('param_schedulers') or []
        for state in list(itertools.chain.from_iterable(states.values())) if isinstance(
                states, dict) else states:
            state.pop('need_val_args', None)

    def _forget_stale(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Drop metrics of earlier evaluations that this one lacks: the log shows all in the hub.

        Entries of other hooks stay.
        """
        scalars = runner.message_hub.log_scalars
        start = f'val/{PREFIX}'
        names = self._names.union(
            *(event['metrics'] for event in events(runner) if event['kind'] == 'evaluate'),
            (name[len(start):] for name in scalars if name.startswith(start)))
        for name in names:
            for key in (name, PREFIX + name):
                if key not in metrics:
                    scalars.pop(f'val/{key}', None)
