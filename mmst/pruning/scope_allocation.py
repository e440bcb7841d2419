"""Says which layers keep how many of their weights: here the scope decides."""
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from .draw import draw_mask
from .mask import Mask


class ScopeAllocation:
    """Draws masks by a scope: one threshold for all weights or for each layer, or a pattern.

    Other allocations have the same methods, and may need the network for them.

    Args:
        scope (str): As of :func:`mmst.pruning.draw.draw_mask`.
    """

    def __init__(self, scope: str):
        self.scope = scope

    def follow(self, model: nn.Module) -> None:
        """Draw masks of this network from now on."""

    def __call__(self, scores: Mapping[str, Tensor], ratio: float,
                 previous: Mask | None = None) -> Mask:
        """Return the mask of a sparsity; arguments as of :func:`mmst.pruning.draw.draw_mask`."""
        return draw_mask(scores, ratio, self.scope, previous)

    def check_beside(self, costs: object) -> None:
        """Refuse a search whose costs are of other images, or by another table.

        Args:
            costs (object): Of the search.

        Raises:
            ConfigError: Naming the table.
        """

    def warning(self) -> str | None:
        """Return a line for the log as training begins; None where there is nothing to say."""
        return None

    def shortfall(self) -> str:
        """Return what the last mask misses, for the log; '' where there is nothing to say."""
        return ''

    def forecast(self, model: nn.Module, scores: Callable[[], Mapping[str, Tensor]],
                 selected: Mapping[str, Tensor], ratio: float) -> Mask:
        """Return the mask of a part of a network's weights.

        Args:
            model (nn.Module): The network.
            scores (Callable): Gives those of all its prunable weights, where they are needed.
            selected (Mapping[str, Tensor]): Those of the part.
            ratio (float): The sparsity of the part.
        """
        return draw_mask(selected, ratio, self.scope)
