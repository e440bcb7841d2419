"""Defines the interface of pruning criteria."""
from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor


class Criterion(ABC):
    """Scores weights; the lowest scores are pruned.

    To add one: a file next to this one with a subclass registered in ``CRITERIA``, imported in
    ``__init__.py``; or a file of your own, which the config's ``custom_imports`` or ``--import``
    names. Its constructor's arguments are its settings; ``mmst prune`` gives those called ``seed``
    and ``batches`` its own arguments of these names.

    Attributes:
        needs_gradients (bool): Whether ``score`` wants gradients of training losses. Defaults to
            False. Set in the class or by the constructor, as the others.
        batches (int): Number of training batches on each rank for them. Defaults to 100.
    """
    needs_gradients: bool = False
    batches: int = 100

    @abstractmethod
    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return scores of the weights' shapes, by name.

        Args:
            weights (Mapping[str, Tensor]): Parameter name to weights.
            gradients (Mapping[str, Tensor]): Their summed gradients; empty unless needed.
        """
