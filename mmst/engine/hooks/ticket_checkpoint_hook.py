"""Checkpoints of runs whose evaluations do not all count."""
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ...registry import HOOKS
from .interim_metrics_hook import PREFIX


@HOOKS.register_module()
class TicketCheckpointHook(CheckpointHook):
    """``CheckpointHook`` whose ``save_best`` looks at evaluations at the target sparsity only.

    Same arguments. Files are written beside and renamed, so that a killed run never leaves half a
    checkpoint.
    """

    def __init__(self, *args, **kwargs):
        kwargs.setdefault('backend_args', dict(backend='mmst_atomic'))
        super().__init__(*args, **kwargs)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        counting = {key: value for key, value in metrics.items() if not key.startswith(PREFIX)}
        if counting:
            super()._save_best_checkpoint(runner, counting)
