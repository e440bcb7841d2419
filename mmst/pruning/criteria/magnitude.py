"""Prunes by magnitude."""
from collections.abc import Mapping

from torch import Tensor

from ...registry import CRITERIA
from .base import Criterion


@CRITERIA.register_module('magnitude')
class Magnitude(Criterion):
    """Scores by |θ|: the paper's criterion (Sec. 3.1)."""

    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: weight.detach().abs() for name, weight in weights.items()}
