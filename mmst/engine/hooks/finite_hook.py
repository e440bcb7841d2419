"""Ends runs that have diverged."""

import numpy as np
import torch
from mmengine import dist
from mmengine.hooks import LoggerHook
from mmengine.runner import Runner
from torch import nn

from ...errors import TrainingError
from ...registry import HOOKS
from ..run.runner_views import find_hook, unwrap
from ..run.steps import counts_iterations
from .interval_hook import IntervalHook

#: Iterations between two looks at the losses where there is no ``LoggerHook``.
INTERVAL = 50
LOSS = 'train/loss'


@HOOKS.register_module()
class FiniteHook(IntervalHook):
    """Stops a run whose losses or weights are no numbers any more, before that does harm.

    It looks at the losses whenever they are logged, and at the weights at the end of each epoch,
    before the search, and before each checkpoint: no unit is removed by such weights, and no
    checkpoint of them replaces a good one. Under loss scaling, which passes over single steps that
    overflow, only losses count that were infinite all the time. Several processes stop together.
    """
    priority = 69

    def __init__(self) -> None:
        self._unseen = 0

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        self._unseen += 1
        logger = find_hook(runner, LoggerHook)
        if self.every_n_inner_iters(batch_idx, logger.interval if logger else INTERVAL):
            self._check_losses(runner, runner.iter + 1)
        super().after_train_iter(runner, batch_idx, data_batch, outputs)

    def on_step(self, runner: Runner, step: int) -> None:
        if not counts_iterations(runner):
            self._check_losses(runner, runner.iter)
            check_finite(unwrap(runner), f'epoch {step}')

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        check_finite(unwrap(runner), f'iteration {runner.iter + 1}')

    def _check_losses(self, runner: Runner, done: int) -> None:
        """Look at the losses since the last time; ``done`` iterations are.

        Raises:
            TrainingError: Naming the first iteration with such a loss, on all ranks.
        """
        found, self._unseen = first_infinite(runner, self._unseen), 0
        first = done + 1 if found is None else done + 1 - found
        if dist.get_world_size() > 1:
            everywhere = torch.tensor([first])
            dist.all_reduce(everywhere, 'min')
            first = int(everywhere)
        if first <= done:
            unit = '' if counts_iterations(runner) else f' (in epoch {runner.epoch + 1})'
            raise divergence_error(f'the loss is not finite since iteration {first}{unit}')


def first_infinite(runner: Runner, count: int) -> int | None:
    """Return how many of the last ``count`` losses follow the first that is not finite, at most
    all.

    Where a loss scaler passes over steps, None unless all of them are not finite.
    """
    if not count or LOSS not in runner.message_hub.log_scalars:
        return None
    losses = np.asarray(runner.message_hub.get_scalar(LOSS).data[0][-count:], dtype=float)
    infinite = np.flatnonzero(~np.isfinite(losses))
    scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
    if not len(infinite) or (scaler is not None and scaler.is_enabled()
                             and len(infinite) < len(losses)):
        return None
    return len(losses) - int(infinite[0])


def check_finite(model: nn.Module, when: str) -> None:
    """Refuse to go on with weights that are not finite.

    Raises:
        TrainingError: Naming the first of them.
    """
    named = {name: p.detach() for name, p in model.named_parameters() if p.numel()}
    largest = torch._foreach_norm(list(named.values()), float('inf'))
    if not bool(torch.stack(largest).isfinite().all()):
        name = next(name for name, p in named.items() if not bool(p.isfinite().all()))
        raise divergence_error(f'{name} is not finite at {when}')


def divergence_error(problem: str) -> TrainingError:
    """Return the error of a run that has diverged."""
    return TrainingError(
        f'training has diverged: {problem}. No unit was removed by it and no checkpoint written. '
        'Remedy: resume from the last checkpoint with gradient clipping '
        '(optim_wrapper.clip_grad.max_norm=1) or without --amp; a lower learning rate takes a new '
        'run, since a resumed one keeps its own.')
