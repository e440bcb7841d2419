"""Runs that have diverged."""
import torch
from mmengine.runner import Runner
from torch import nn

from ...errors import TrainingError
from ...registry import HOOKS
from ..access import unwrapped
from .interval_hook import IntervalHook, counts_iterations


@HOOKS.register_module()
class FiniteHook(IntervalHook):
    """Stops a run whose weights are no numbers any more, before that does harm.

    It looks at the end of each epoch, before the search, and before each checkpoint: no unit is
    removed by such weights, and no checkpoint of them replaces a good one.
    """
    priority = 69

    def on_step(self, runner: Runner, step: int) -> None:
        if not counts_iterations(runner):
            check_finite(unwrapped(runner), f'epoch {step}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        check_finite(unwrapped(runner), f'iteration {runner.iter + 1}')


def check_finite(model: nn.Module, when: str) -> None:
    """Refuse to go on with weights that are not finite.

    Raises:
        TrainingError: Naming the first of them.
    """
    named = {name: p.detach() for name, p in model.named_parameters() if p.numel()}
    largest = torch._foreach_norm(list(named.values()), float('inf'))
    if not bool(torch.stack(largest).isfinite().all()):
        name = next(name for name, p in named.items() if not bool(p.isfinite().all()))
        raise TrainingError(
            f'training has diverged: {name} is not finite at {when}. No unit was removed and no '
            'checkpoint written. Remedy: resume from the last checkpoint with gradient clipping '
            '(optim_wrapper.clip_grad.max_norm=1) or without --amp; a lower learning rate takes a '
            'new run, since a resumed one keeps its own.')
