"""Offers a pruner the data and the other processes of a runner."""
from collections.abc import Mapping
from typing import Any

from mmengine.runner import Runner
from torch import Tensor, nn

from ...pruning.context import PruningContext
from ...pruning.mask_in_force import MaskInForce
from ...pruning.pruner import Pruner
from .agreement import take_from_first_rank
from .batches import criterion_gradients, show_inputs
from .runner_views import averaged_model, evaluated_model
from .steps import max_steps

_KEY = 'PruneHook.criterion'


class RunnerContext(PruningContext):
    """Draws batches from the training set, and takes the first process's decisions.

    Args:
        runner (Runner): The run.
        step (int): The batches are those of the run's seed and this step.
        batches (list, optional): Are shown rather than batches of the training set.
    """

    def __init__(self, runner: Runner, step: int, batches: list[Any] | None = None):
        self.runner, self.seed, self.batches = runner, runner.seed + step, batches

    def gradients(self, criterion: Any,
                  weights: Mapping[str, nn.Parameter]) -> Mapping[str, Tensor]:
        return criterion_gradients(self.runner, criterion, weights, self.seed, self.batches, _KEY)

    def show_inputs(self, criterion: Any, weights: Mapping[str, Tensor]) -> None:
        show_inputs(self.runner, criterion, evaluated_model(self.runner), weights, self.seed,
                    self.batches, _KEY)

    def agree(self, kept: Tensor) -> None:
        take_from_first_rank(kept)


def spread_schedule(runner: Runner, pruner: Pruner, interval: int) -> None:
    """Spread a pruner's schedule over the run; the log warns where it ends below its target."""
    reached = pruner.begin(max_steps(runner) // interval)
    if reached < pruner.sparsity:
        runner.logger.warning(
            f'{pruner.owner}.interval = {interval}: the schedule ends at {reached:.0%} of the '
            f'target {pruner.sparsity:.0%}; the last step draws the rest at once.')


def rehearse_draw(runner: Runner, pruner: Pruner, weights: Mapping[str, nn.Parameter],
                  batch: Any) -> None:
    """Draw a mask of half the sparsity by one batch, on a throw-away runner.

    A criterion that looks at layers' inputs may take minutes at full width: it gets the smallest
    layer of each kernel size.
    """
    chosen = dict(weights)
    if getattr(pruner.criterion, 'needs_inputs', False):
        largest_first = sorted(chosen.items(), key=lambda item: -item[1].numel())
        chosen = dict({weight.shape[2:]: (name, weight)
                       for name, weight in largest_first}.values())
    runner.optim_wrapper.set_masks({})
    ema = averaged_model(runner)
    in_force = MaskInForce(lambda: chosen, runner.optim_wrapper, ema and ema.module)
    pruner.draw(in_force, pruner.sparsity / 2, RunnerContext(runner, 0, [batch]), last=True)
