"""Names for evaluations that do not count."""
from typing import Dict, Optional

from mmengine.hooks import EarlyStoppingHook, Hook
from mmengine.runner import Runner

from ...errors import config_error
from ...registry import HOOKS
from ..access import find_hook
from .interval_hook import trains
from .prune_hook import PruneHook

PREFIX = 'interim/'


@HOOKS.register_module()
class InterimMetricsHook(Hook):
    """Renames metrics of evaluations that are not at the run's target sparsity.

    During the progressive schedule, and while weights are reactivated, validation sees a denser
    network than the ticket. Only evaluations at the target keep their names and so count for
    ``save_best``, for early stopping and for results; the others are logged as ``interim/…``. It
    acts before the hook that logs metrics.
    """
    priority = 5

    def before_run(self, runner: Runner) -> None:
        stopping = find_hook(runner, EarlyStoppingHook)
        if stopping is not None and stopping.strict and find_hook(runner, PruneHook) is not None:
            raise config_error(
                'EarlyStoppingHook.strict', True, 'evaluations below the target sparsity do not '
                f'have the metric {stopping.monitor!r}', 'set strict=False; they are passed over')

    def after_val_epoch(self, runner: Runner, metrics: Optional[Dict[str, float]] = None) -> None:
        prune = find_hook(runner, PruneHook)
        if not trains(runner):
            return
        if metrics and prune is not None and not prune.at_target(runner):
            for key in list(metrics):
                metrics[PREFIX + key] = metrics.pop(key)
        self._forget_others(runner, metrics or {})

    def _forget_others(self, runner: Runner, metrics: Dict[str, float]) -> None:
        """The log shows all that the message hub remembers: drop what this evaluation lacks."""
        scalars = runner.message_hub.log_scalars
        kept = {f'val/{key}' for key in metrics} | {'val/time', 'val/data_time'}
        for name in [n for n in scalars if n.startswith('val/') and n not in kept]:
            del scalars[name]
