"""Prunes by magnitude, as a share of what stays in the layer."""
from collections.abc import Mapping

import torch
from torch import Tensor

from ...registry import CRITERIA
from .base import Criterion


@CRITERIA.register_module('lamp')
class LAMP(Criterion):
    """Scores by |θ| over the norm of all weights of the layer that are no smaller.

    The square is the score of "Layer-adaptive Sparsity for the Magnitude-based Pruning" (Lee et
    al., ICLR 2021): the share of its sum of squares that a layer would lose next. The scale of a
    layer does not matter, as to the normalisation behind it; the largest weight of each scores 1,
    so that none is cut off which has a weight. Within a layer the order is that of |θ|: scopes
    other than ``'global'`` are refused.
    """
    weights_alone = True
    compares_layers = True

    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: _score(weight.detach()) for name, weight in weights.items()}


def _score(weight: Tensor) -> Tensor:
    values = weight.flatten().double()
    if len(values):  # Squares of numbers up to 1 are finite, of whatever scale the layer is.
        values = values / values.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
    squares, order = values.square().sort(stable=True)
    staying = squares.flip(0).cumsum(0).flip(0)
    shares = (squares / staying.clamp(min=torch.finfo(torch.float64).tiny)).sqrt()
    return torch.empty_like(shares).scatter_(0, order, shares).view(weight.shape).to(
        weight.dtype if weight.dtype == torch.float64 else torch.float32)
