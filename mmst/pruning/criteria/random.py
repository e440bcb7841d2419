"""Prunes at random."""
from collections.abc import Mapping
from zlib import crc32

import torch
from torch import Tensor

from ...registry import CRITERIA
from ...settings.checks import check_number
from .base import Criterion


@CRITERIA.register_module('random')
class Random(Criterion):
    """Scores uniformly: the control of S+P and of the lottery-ticket settings (paper Sec. 4.1).

    A layer's scores follow from the seed, its name and its shape alone, so that every rank and
    every resumed run draws the same; the run's own random numbers are not touched.

    Args:
        seed (int): Defaults to 0.
    """

    def __init__(self, seed: int = 0):
        self.seed = check_number('criterion.seed', seed, whole=True, remedy='use 0')

    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: self._draw(name, weight) for name, weight in weights.items()}

    def _draw(self, name: str, weight: Tensor) -> Tensor:
        # torch's generator takes the lower 32 bits only: seed and name must both be in them.
        generator = torch.Generator().manual_seed(crc32(f'{self.seed} {name}'.encode()))
        return torch.rand(weight.shape, generator=generator).to(weight.device)
