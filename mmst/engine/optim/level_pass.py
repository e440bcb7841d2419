"""Adds the gradients of a second pass at another level of sparsity to a step."""
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...pruning.levels import KEPT_BY, hide_level, show_level
from ...pruning.reactivation import PruneState, mask_gradients


class LevelPass:
    """Lets one step of the optimizer learn at two levels: that of the mask in force, and another.

    Args:
        backward (Callable): Runs the network on the step's images again and computes gradients.
        place (int): Of the level among those of the masks.
        looser (bool): Whether that level keeps more than the mask in force.
    """

    def __init__(self, backward: Callable[[], object], place: int, looser: bool):
        self.backward, self.place, self.looser = backward, place, looser

    def begin(self, masks: PruneState) -> None:
        """Add the gradients of the second pass; weights have the looser level's values then."""
        mask_gradients(masks)
        # Copies: those of a CUDA graph lie where its next pass writes.
        first = {weight: None if weight.grad is None else weight.grad.clone() for weight in masks}
        for weight in masks:
            weight.grad = None
        before = None if self.looser else [weight.detach().clone() for weight in masks]
        show_level(masks, self.place)
        self.backward()
        for weight, state in masks.items():
            weight.grad = self._sum(weight, state[KEPT_BY], first[weight])
        if before is not None:
            with torch.no_grad():
                torch._foreach_copy_([weight.detach() for weight in masks], before)

    def end(self, masks: PruneState) -> None:
        """Keep the step's changes of weights that the mask holds at 0."""
        if self.looser:
            hide_level(masks, self.place)

    def _sum(self, weight: nn.Parameter, kept_by: Tensor, first: Tensor | None) -> Tensor | None:
        second = weight.grad
        if second is None:
            return first
        second = second.masked_fill(kept_by <= self.place, 0)
        return second if first is None else second.add_(first)
