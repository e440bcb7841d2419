"""Draws masks whose layers' densities suit a table of measured times."""
from collections.abc import Mapping
from functools import cached_property

import torch
from torch import Tensor, nn

from ...errors import config_error
from ...pruning.allocation import AIMS, Layers, draw_counts, find_worth, kept_in_all
from ...pruning.build import criterion_name
from ...pruning.criteria import Magnitude
from ...pruning.mask import Mask
from ...pruning.pruner import Pruner
from ...pruning.scope_allocation import ScopeAllocation
from ...settings.checks import check_choice
from .table import LatencyTable
from .weight_prices import WeightPrices


class TimedAllocation(ScopeAllocation):
    """Chooses each layer's density by the price of its weights, and draws the mask.

    Args:
        aim (str): See :func:`mmst.pruning.allocation.find_worth`.
        path (str): Of the table, which is read when it is first needed.
        key (str): Of the setting that names it.
    """

    def __init__(self, aim: str, path: str, key: str = 'table'):
        super().__init__('global')
        self.aim, self.path, self.key = aim, path, key
        self.model: nn.Module | None = None
        self._known: tuple[object, tuple[dict[str, float], float]] | None = None

    @cached_property
    def table(self) -> LatencyTable:
        """Return the table.

        Raises:
            ConfigError: There is none, or it is damaged.
        """
        return LatencyTable.load(self.path, self.key)

    def follow(self, model: nn.Module) -> None:
        """Draw masks of this network from now on.

        Raises:
            ConfigError: The table does not cover it.
        """
        self.table.check_covers(model, self.key, self.path)
        self.model = model

    def __call__(self, scores: Mapping[str, Tensor], ratio: float,
                 previous: Mask | None = None) -> Mask:
        """Return the mask of a sparsity; arguments as of :func:`mmst.pruning.draw.draw_mask`."""
        assert self.model is not None, 'no network is followed'
        layers, total = Layers(scores, previous), kept_in_all(scores, ratio)
        prices, worth = self._terms(self.model, layers, scores, total, previous)
        return draw_counts(scores, layers.counts(total, prices, worth), previous)

    def forecast(self, model: nn.Module, weights: Mapping[str, Tensor],
                 selected: Mapping[str, Tensor], ratio: float) -> Mask:
        """Return the mask of a part of a network's weights, by the prices of the whole.

        Args:
            model (nn.Module): The network.
            weights (Mapping[str, Tensor]): All its prunable weights.
            selected (Mapping[str, Tensor]): The scores of the part.
            ratio (float): The sparsity of the part.
        """
        scores = {name: weight.abs() for name, weight in weights.items()}
        sums = torch.stack([score.sum().double() for score in scores.values()]).tolist()
        state = ratio, [(name, score.shape, own)
                        for (name, score), own in zip(scores.items(), sums, strict=True)]
        if self._known is None or self._known[0] != state:
            self._known = state, self._terms(model, Layers(scores), scores,
                                             kept_in_all(scores, ratio))
        prices, worth = self._known[1]
        counts = Layers(selected).counts(kept_in_all(selected, ratio), prices, worth)
        return draw_counts(selected, counts)

    def _terms(self, model: nn.Module, layers: Layers, scores: Mapping[str, Tensor], total: int,
               previous: Mask | None = None) -> tuple[dict[str, float], float]:
        """Return the prices of weights, and the worth of a millisecond in squares of magnitude."""
        ranked = scores if previous is None else {
            name: score.masked_fill(~previous[name].to(score.device), -1)
            for name, score in scores.items()}
        prices = WeightPrices(self.table, model, ranked)
        around_even = prices(layers.even(total))
        return around_even, find_worth(layers, total, around_even, self.aim, prices.predict)


def build_allocation(allocation: str | None, table: str | None, pruner: Pruner,
                     family: object = None) -> ScopeAllocation:
    """Return the allocation by a table; the pruner's own where there is none.

    Args:
        allocation (str, optional): An aim of :data:`mmst.pruning.allocation.AIMS`.
        table (str, optional): Path of a table that ``mmst profile`` has written.
        pruner (Pruner): Draws masks by it; errors name its ``owner``.
        family (object): The setting ``family``.

    Raises:
        ConfigError: One is given without the other, or other settings contradict it.
    """
    key, table_key = f'{pruner.owner}.allocation', f'{pruner.owner}.table'
    check_choice(key, allocation, (*AIMS, None))
    if allocation is None:
        if table is not None:
            raise config_error(table_key, table, f'nothing is drawn by it without {key}',
                               "set allocation='ms', or omit it")
        return pruner.allocation
    if table is None:
        raise config_error(key, allocation, 'it needs the measured times of the network',
                           f'measure a table with mmst profile, and set {table_key} to it')
    for name, value, wrong, remedy in (
            ('scope', pruner.scope, pruner.scope != 'global', "set scope='global'"),
            ('criterion', criterion_name(pruner.criterion),
             type(pruner.criterion) is not Magnitude, "set criterion='magnitude'"),
            ('family', family, family is not None, 'set family=None')):
        if wrong:
            raise config_error(f'{pruner.owner}.{name}', value, f'{key}={allocation!r} chooses the '
                               'densities of layers by their magnitude, of one sparsity',
                               f'{remedy}, or allocation=None')
    return TimedAllocation(allocation, table, table_key)
