"""Counts the costs of a network again and again while it shrinks."""
from torch import nn

from .cost import HW, feature_sizes, layer_costs, meta_copy, total


class NetworkCosts:
    """Counts the costs of a network for one image of a fixed size.

    The last network's costs are remembered: a network of the same shapes is not traced again.

    Args:
        input_shape (Tuple[int, int]): Height and width of the image in pixels.
    """

    def __init__(self, input_shape: HW):
        self.input_shape = input_shape
        self._shapes: list[tuple[str, tuple[int, ...]]] | None = None
        self._costs: dict[str, float] = {}

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Sums over all layers of ``params``, ``macs``, ``nonzero`` and ``sparse_macs``."""
        shapes = [(name, tuple(p.shape)) for name, p in model.named_parameters()]
        if shapes != self._shapes:
            self._costs = total(layer_costs(model, self.input_shape))
            self._shapes = shapes
        return dict(self._costs)

    def feature_sizes(self, model: nn.Module) -> dict[str, tuple[HW, HW]]:
        """Return heights and widths of feature maps; see :func:`mmst.costs.cost.feature_sizes`."""
        return feature_sizes(model, self.input_shape)

    @staticmethod
    def outline(model: nn.Module) -> nn.Module:
        """Return a copy without values, which can be cut and counted like the network itself."""
        return meta_copy(model)
