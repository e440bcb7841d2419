"""Draws networks that a search and a prune could leave, to be timed."""
import copy

import numpy as np
import torch
from torch import Tensor, nn

from ...search.copyable import copyable
from ...search.surgery import Cut
from ...search.units import find_units

#: Shares of the units, and of the weights, that a network keeps: the grid of the measurements.
WIDTHS = (0.15, 0.3, 0.5, 0.75, 1.)
DENSITIES = (0.01, 0.03, 0.08, 0.2, 0.5, 1.)
#: How far groups and layers of one network lie from its own share, as factors; a mask that is drawn
#: over the whole network leaves layers a hundred times apart.
WIDTH_SPREAD, DENSITY_SPREAD = (0.3, 1.5), (0.1, 3.)
#: Groups that vanish, layers of which nothing is left, and layers that stay dense.
EMPTY, DEAD, DENSE = 0.08, 0.06, 0.08


@torch.no_grad()
def draw_network(supernet: nn.Module, rng: np.random.Generator) -> nn.Module:
    """Return a copy of a network with fewer units and weights, both drawn at random.

    Args:
        supernet (nn.Module): The widest network, with values.
        rng (Generator): Draws.
    """
    model = copy.deepcopy(copyable(supernet))
    model.eval()  # not chained: some toolboxes' backbones return nothing from it
    width, density = rng.choice(WIDTHS), rng.choice(DENSITIES)
    for group in find_units(model).values():
        share = 0. if rng.random() < EMPTY else min(1., width * rng.uniform(*WIDTH_SPREAD))
        count = max(round(share * len(group)), group.minimum)
        units = np.sort(rng.permutation(len(group))[:count])
        group.keep(torch.from_numpy(units.astype(np.int64)), Cut())
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.weight.numel():
            share = density * float(np.exp(rng.uniform(*np.log(DENSITY_SPREAD))))
            kind = rng.random()
            share = 0. if kind < DEAD else 1. if kind < DEAD + DENSE else share
            module.weight.mul_(_draw_kept(module.weight, share, rng))
    return model


def _draw_kept(weight: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.random(tuple(weight.shape), np.float32) < share)
