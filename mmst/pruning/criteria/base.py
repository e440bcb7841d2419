"""Defines the interface of pruning criteria."""
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn


class Criterion(ABC):
    """Scores weights; the lowest scores are pruned.

    To add one: a file next to this one with a subclass registered in ``CRITERIA``, imported in
    ``__init__.py``; or a file of your own, which the config's ``custom_imports`` or ``--import``
    names. Its constructor's arguments are its settings; ``mmst prune`` gives those called ``seed``
    and ``batches`` its own arguments of these names. An object of another class does as well: it
    needs a ``score``, and attributes that it lacks have the defaults below.

    Attributes:
        needs_gradients (bool): Whether ``score`` wants gradients of training losses. Defaults to
            False. Set in the class or by the constructor, as the others.
        needs_inputs (bool): Whether ``observe`` is to be called first. Defaults to False.
        only_last (bool): Whether only the last prune of a run that has weights left to choose is
            by this criterion, and those before by magnitude. Defaults to False.
        weights_alone (bool): Whether scores follow from the weights of each layer, also of a part
            of it, so that masks of a smaller network can be foreseen. Defaults to False.
        compares_layers (bool): Whether the order within a layer is that of magnitude, so that a
            scope which compares no layers is refused as without effect. Defaults to False.
        batches (int): Number of training batches on each rank for either. Defaults to 100.
    """
    needs_gradients: bool = False
    needs_inputs: bool = False
    only_last: bool = False
    weights_alone: bool = False
    compares_layers: bool = False
    batches: int = 100

    def observe(self, model: nn.Module, weights: Mapping[str, Tensor],  # noqa: B027  most need not
                run: Callable[[], Any]) -> None:
        """Watch the network at work, where ``needs_inputs`` asks for that.

        Args:
            model (nn.Module): The network, in eval mode.
            weights (Mapping[str, Tensor]): Parameter name to weights.
            run (Callable): Lets training batches go through the network.
        """

    def update(self, weights: Mapping[str, Tensor],  # noqa: B027  most change none
               kept: Mapping[str, Tensor]) -> None:
        """Change weights that stay, in place, once the mask is drawn; by default none changes.

        Args:
            weights (Mapping[str, Tensor]): Parameter name to weights, not yet masked.
            kept (Mapping[str, Tensor]): The mask: bool, True where a weight stays.
        """

    @abstractmethod
    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return scores of the weights' shapes, by name.

        Args:
            weights (Mapping[str, Tensor]): Parameter name to weights.
            gradients (Mapping[str, Tensor]): Their summed gradients; empty unless needed.
        """
