"""Holds the common part of hooks that keep weights pruned."""
from typing import Any

from mmengine.runner import Runner
from torch import nn

from ...costs.network_costs import Select
from ...pruning.mask import Mask
from ...pruning.mask_in_force import MaskInForce
from ...pruning.prunable import PARTS, prunable_weights
from ..run.mask_state import MASK, RETURNED, mask_state, returned_state
from ..run.runner_views import averaged_model, unwrap
from ..run.since_return import SinceReturn
from ..run.steps import trains
from .interval_hook import IntervalHook


class MaskHook(IntervalHook):
    """Keeps weights of the network at 0, and their averages; the mask travels in checkpoints.

    Other hooks find the run's mask here, wherever that comes from: ``PruneHook`` draws masks,
    ``FixedMaskHook`` has a ticket's.

    Attributes:
        sparsity (float): The run's target, a share of the prunable weights.
        keep_values (bool): Whether pruned weights are remembered for their return.
        chooses_parts (bool): Whether the user names the parts to prune.
    """
    priority = 71
    sparsity: float = 0.
    keep_values = False
    chooses_parts = False
    _averages: SinceReturn | None = None

    @property
    def drawn(self) -> Mask | None:
        """Return the mask that was drawn in this step, even if it is lifted."""
        return None

    @property
    def select(self) -> dict[str, Any]:
        """Return the arguments of ``prunable_weights``."""
        return dict(parts=PARTS)

    def forecast(self, model: nn.Module, select: Select) -> Mask | None:
        """Return the mask that ``model`` would end with if the run were over, of the parts
        of its weights that ``select`` returns; None: no other than now.
        """
        return None

    def weights(self, runner: Runner) -> dict[str, nn.Parameter]:
        """Return the prunable weights by parameter name."""
        return prunable_weights(unwrap(runner), **self.select)

    def on_step(self, runner: Runner, step: int) -> None:
        """Leave the mask as it is: the optimizer wrapper keeps to it."""

    def in_force(self, runner: Runner) -> MaskInForce:
        """Return the masks' hold on the network as it is now."""
        ema = averaged_model(runner)
        return MaskInForce(lambda: self.weights(runner), runner.optim_wrapper,
                           ema.module if ema is not None else None, self._averages,
                           self.keep_values)

    def mask_in_force(self, runner: Runner) -> Mask | None:
        """Return the mask that training keeps to, or None while weights are reactivated."""
        if not trains(runner):
            return None
        return MaskInForce(lambda: self.weights(runner), runner.optim_wrapper).mask

    def at_target(self, runner: Runner) -> bool:
        """Say whether the network has the run's target sparsity now, to within one weight."""
        mask = self.drawn or self.mask_in_force(runner)
        return mask is not None and mask.reaches(self.sparsity)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        super().before_save_checkpoint(runner, checkpoint)
        if self.mask_in_force(runner) is not None:
            checkpoint[MASK] = mask_state(runner.optim_wrapper.masks, self.weights(runner))
        if runner.optim_wrapper.returned:
            checkpoint[RETURNED] = returned_state(runner.optim_wrapper.returned,
                                                  self.weights(runner), self._averages)
