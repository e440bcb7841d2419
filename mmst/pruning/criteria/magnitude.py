"""Prunes by magnitude."""
from collections.abc import Mapping

import torch
from torch import Tensor

from ...registry import CRITERIA
from ..large import in_one
from .base import Criterion


@CRITERIA.register_module('magnitude')
class Magnitude(Criterion):
    """Scores by |θ|: the paper's criterion (Sec. 3.1)."""
    weights_alone = True

    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = in_one(torch.abs, [weight.detach() for weight in weights.values()], torch.abs_)
        return dict(zip(weights, found, strict=True))
