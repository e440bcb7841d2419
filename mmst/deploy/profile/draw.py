"""Draws networks that a search and a prune could leave, to be timed."""
import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ...pruning.pruner import Pruner
from ...search.copyable import copyable
from ...search.surgery import Cut
from ...search.unit_group import UnitGroup
from ...search.units import find_units

#: Shares of the units, and of the weights, that a network keeps: the grid of the measurements.
WIDTHS = (0.15, 0.3, 0.5, 0.75, 1.)
DENSITIES = (0.01, 0.03, 0.08, 0.2, 0.5, 1.)
#: How far groups and layers of one network lie from its own share, as factors; a mask that is drawn
#: over the whole network leaves layers a hundred times apart.
WIDTH_SPREAD, DENSITY_SPREAD = (0.3, 1.5), (0.1, 3.)
#: Groups that vanish, layers of which nothing is left, and layers that stay dense.
EMPTY, DEAD, DENSE = 0.08, 0.06, 0.08
#: Networks as runs end with them: the widths of groups differ little, and one mask is drawn.
ENDED_WIDTHS, ENDED_SPREADS = (0.25, 1.), (0., 0.3)
SPARSITIES, SCOPES = (0.5, 0.7, 0.8, 0.9, 0.95), ('global', 'layer')


def draw_networks(supernet: nn.Module, count: int, seed: int) -> Iterator[nn.Module]:
    """Give copies of a network with fewer units and weights, drawn at random.

    Every other one has groups and layers of all widths and densities, far from each other, which
    tells their costs apart; the others are as runs end with them, whose times are asked for.

    Args:
        supernet (nn.Module): The widest network, with values.
        count (int): Of the copies.
        seed (int): Of the draws.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield (draw_ended if number % 2 else draw_scattered)(supernet, rng)


@torch.no_grad()
def draw_scattered(supernet: nn.Module, rng: np.random.Generator) -> nn.Module:
    """Return a copy whose groups and layers are of widths and densities far from each other."""
    model, width, density = _copy(supernet), rng.choice(WIDTHS), rng.choice(DENSITIES)
    for group in find_units(model).values():
        _keep(group, 0. if rng.random() < EMPTY else width * rng.uniform(*WIDTH_SPREAD), rng)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)) and module.weight.numel():
            share = density * float(np.exp(rng.uniform(*np.log(DENSITY_SPREAD))))
            kind = rng.random()
            share = 0. if kind < DEAD else 1. if kind < DEAD + DENSE else share
            module.weight.mul_(_draw_kept(module.weight, share, rng))
    return model


@torch.no_grad()
def draw_ended(supernet: nn.Module, rng: np.random.Generator) -> nn.Module:
    """Return a copy whose groups are of like widths, under one mask of its largest weights."""
    model, width, spread = _copy(supernet), rng.uniform(*ENDED_WIDTHS), rng.choice(ENDED_SPREADS)
    for group in find_units(model).values():
        _keep(group, width * rng.uniform(1 - spread, 1 + spread), rng)
    pruner = Pruner(float(rng.choice(SPARSITIES)), scope=str(rng.choice(SCOPES)))
    for name, kept in pruner.forecast(model).items():
        model.get_parameter(name).mul_(kept)
    return model


def _copy(supernet: nn.Module) -> nn.Module:
    model = copy.deepcopy(copyable(supernet))
    model.eval()  # not chained: some toolboxes' backbones return nothing from it
    return model


def _keep(group: UnitGroup, share: float, rng: np.random.Generator) -> None:
    """Leave a share of a group's units, of at most 1, chosen at random."""
    count = max(round(min(share, 1.) * len(group)), group.minimum)
    units = np.sort(rng.permutation(len(group))[:count])
    group.keep(torch.from_numpy(units.astype(np.int64)), Cut())


def _draw_kept(weight: Tensor, share: float, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.random(tuple(weight.shape), np.float32) < share)
