"""A pruning criterion scores a weight by its size among the others of its layer."""
from collections.abc import Mapping

from torch import Tensor

from mmst.pruning.criteria.base import Criterion
from mmst.registry import CRITERIA


@CRITERIA.register_module('relative_magnitude')
class RelativeMagnitude(Criterion):
    """Scores by |θ| over the mean of its layer, to the power of ``strength``.

    Under one global threshold, no layer can lose most of its weights only because all of them are
    small.

    Args:
        strength (float): 0: magnitude; 1: relative to the layer. Defaults to 1.
    """

    weights_alone = True  # of those that score() gets: masks can be foreseen

    def __init__(self, strength: float = 1.):
        self.strength = strength

    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        scores = {name: weight.detach().abs() for name, weight in weights.items()}
        return {name: score / score.mean().clamp(min=1e-12)**self.strength
                for name, score in scores.items()}
