"""What a pruning criterion is."""
from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor


class Criterion(ABC):
    """Scores weights; the lowest scores are pruned.

    To add one: a file next to this one with a subclass registered in ``CRITERIA``, imported in
    ``__init__.py``.

    Attributes:
        needs_gradients (bool): Whether ``score`` wants gradients of training losses.
        batches (int): Of how many training batches on each rank, if it does.
    """
    needs_gradients = False
    batches = 100

    @abstractmethod
    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Scores of the weights' shapes.

        Args:
            weights (Mapping[str, Tensor]): Parameter name to weights.
            gradients (Mapping[str, Tensor]): Their summed gradients; empty unless needed.
        """
