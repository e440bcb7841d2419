"""Offers a pruner the data and the other processes of a run."""
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class PruningContext:
    """Stands for a network alone: it has no data, and no other process takes decisions.

    Subclasses offer those of a run.
    """

    def gradients(self, criterion: Any,
                  weights: Mapping[str, nn.Parameter]) -> Mapping[str, Tensor]:
        """Return the gradients of weights that the criterion wants; none where it needs none."""
        return {}

    def show_inputs(self, criterion: Any, weights: Mapping[str, Tensor]) -> None:
        """Let a criterion that ``needs_inputs`` watch the layers of ``weights`` at work."""

    def agree(self, kept: Tensor) -> None:
        """Overwrite a drawn tensor by that of the first process."""
