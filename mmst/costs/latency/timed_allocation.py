"""Draws masks whose layers' densities suit a table of measured times."""
from collections.abc import Callable, Mapping
from functools import cached_property

import torch
from torch import Tensor, nn

from ...errors import config_error
from ...pruning.allocation import AIMS, Counts, Layers, draw_counts, find_worth, kept_in_all
from ...pruning.build import criterion_name, needs_weights_alone
from ...pruning.mask import Mask
from ...pruning.pruner import Pruner
from ...pruning.scope_allocation import ScopeAllocation
from ...settings.checks import check_choice, check_number
from ..network_costs import NetworkCosts
from .table import LatencyTable
from .this_machine import this_machine
from .timed_costs import TimedCosts
from .weight_prices import WeightPrices

#: Times are alike whose ratio is no further from 1.
_ROUNDING = 1e-6
#: Share that a layer keeps of the sum of squares that a draw over the whole network leaves it.
_KEPT = 0.5
#: How often the prices of weights are taken, each time around the counts that were found before.
_ROUNDS = 3


class TimedAllocation(ScopeAllocation):
    """Chooses each layer's density by the price of its weights, and draws the mask.

    Args:
        aim (str): See :func:`mmst.pruning.allocation.find_worth`.
        path (str): Of the table, which is read when it is first needed.
        key (str): Of the setting that names it.
        target_ms (float, optional): The time that the mask of ``sparsity`` may take, with the aim
            ``'magnitude'``. Defaults to None: that of an even draw, at each sparsity.
        sparsity (float): At which ``target_ms`` is due; masks of other sparsities are drawn by the
            prices that lead there.
    """

    def __init__(self, aim: str, path: str, key: str = 'table', target_ms: float | None = None,
                 sparsity: float = 0.):
        super().__init__('global')
        self.aim, self.path, self.key = aim, path, key
        self.target_ms, self.sparsity = target_ms, sparsity
        self.model: nn.Module | None = None
        self._known: tuple[object, tuple[dict[str, float], float]] | None = None
        self._foreseen: tuple[float, float, float] | None = None

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
            ConfigError: The table does not cover it, or has no time of a weight.
        """
        self.table.check_covers(model, self.key, self.path)
        if self.table.engine != 'sparse':
            raise config_error(self.key, self.path, f'it is of {self.table.engine}, to which zeros '
                               'cost as much as other weights, so that no density is quicker',
                               'measure one with mmst profile --device cpu, or c:COMMAND')
        self.model = model

    def check_beside(self, costs: object) -> None:
        if not isinstance(costs, NetworkCosts):
            return
        ours, theirs = self.table.input_shape, tuple(costs.input_shape)
        if theirs != ours:
            size, other = ('x'.join(map(str, shape)) for shape in (ours, theirs))
            raise config_error(self.key, self.path, f'it is of images of {size}, and the search '
                               f'counts those of {other}', 'measure a table of these with mmst '
                               f'profile --shape {" ".join(map(str, theirs))}')
        if isinstance(costs, TimedCosts) and costs.table.digest != self.table.digest:
            raise config_error(self.key, self.path, f'{costs.key} = {costs.path!r} has other times',
                               'give the same table to both')

    def warning(self) -> str | None:
        return self.table.warning(self.key, self.path, this_machine())

    def __call__(self, scores: Mapping[str, Tensor], ratio: float,
                 previous: Mask | None = None) -> Mask:
        """Return the mask of a sparsity; arguments as of :func:`mmst.pruning.draw.draw_mask`."""
        assert self.model is not None, 'no network is followed'
        layers, total = Layers(scores, previous), kept_in_all(scores, ratio)
        prices, worth = self._terms(self.model, layers, scores, ratio, previous)
        counts = layers.counts(total, prices, worth, _least(layers, total))
        return draw_counts(scores, counts, previous)

    def shortfall(self) -> str:
        if self._foreseen is None or self._foreseen[1] <= self._foreseen[2] * (1 + _ROUNDING):
            return ''
        owner, (ratio, ms, most) = self.key.rpartition('.')[0], self._foreseen
        takes = f'by the table a mask of sparsity {ratio} takes {ms:.3g} ms at least'
        if self.target_ms is None:
            return (f'{owner}.allocation = {self.aim!r}: {takes}, longer than the {most:.3g} ms '
                    f'of an even draw. Remedy: give {owner}.target_ms, or allocation=None.')
        return (f'{owner}.target_ms = {self.target_ms}: {takes}. Remedy: a higher sparsity, or a '
                'search for a smaller network (SearchHook.target_flops).')

    def forecast(self, model: nn.Module, scores: Callable[[], Mapping[str, Tensor]],
                 selected: Mapping[str, Tensor], ratio: float) -> Mask:
        """Return the mask of a part of a network's weights, by the prices of the whole.

        Args:
            model (nn.Module): The network.
            scores (Callable): Gives those of all its prunable weights.
            selected (Mapping[str, Tensor]): Those of the part.
            ratio (float): The sparsity of the part.
        """
        whole = scores()
        sums = torch.stack([score.sum().double() for score in whole.values()]).tolist()
        state = ratio, [(name, score.shape, own)
                        for (name, score), own in zip(whole.items(), sums, strict=True)]
        if self._known is None or self._known[0] != state:
            self._known = state, self._terms(model, Layers(whole), whole, ratio)
        prices, worth = self._known[1]
        layers, total = Layers(selected), kept_in_all(selected, ratio)
        return draw_counts(selected, layers.counts(total, prices, worth, _least(layers, total)))

    def _terms(self, model: nn.Module, layers: Layers, scores: Mapping[str, Tensor], ratio: float,
               previous: Mask | None = None) -> tuple[dict[str, float], float]:
        """Return the prices of weights, and the worth of a millisecond in squares of magnitude.

        A price is right near the counts around which it was taken, so it is taken again around
        those that it leads to, first around the draw over the whole network. The best round counts.
        """
        ratio = ratio if self.target_ms is None else self.sparsity
        total = kept_in_all(scores, ratio)
        ranked = scores if previous is None else {
            name: score.masked_fill(~previous[name].to(score.device), -1)
            for name, score in scores.items()}
        prices, even = WeightPrices(self.table, model, ranked), layers.even(total)
        most_ms = prices.predict(even) if self.target_ms is None else self.target_ms
        counts, least = layers.whole(total), _least(layers, total)
        rounds = []
        for _ in range(_ROUNDS):
            around = prices(counts)
            worth = find_worth(layers, total, around, self.aim, prices.predict, most_ms, least)
            counts = layers.counts(total, around, worth, least)
            ms, loss = prices.predict(counts), layers.loss(counts)
            over = max(ms / most_ms - 1, _ROUNDING) if self.aim == 'magnitude' else 0.
            rounds.append(((over, loss if self.aim == 'magnitude' else ms), ms, around, worth))
        _, ms, around, worth = min(rounds, key=lambda found: found[0])
        self._foreseen = (ratio, ms, most_ms) if self.aim == 'magnitude' else None
        return around, worth


def _least(layers: Layers, total: int) -> Counts:
    """Return how many weights layers keep in any case.

    A small layer of a high resolution costs much and has little magnitude, but without it, e.g.
    the first convolution, the network sees nothing.
    """
    return layers.holding(layers.whole(total), _KEPT)


def build_allocation(allocation: str | None, table: str | None, pruner: Pruner,
                     family: object = None, target_ms: float | None = None) -> ScopeAllocation:
    """Return the allocation by a table; the pruner's own where there is none.

    Args:
        allocation (str, optional): An aim of :data:`mmst.pruning.allocation.AIMS`.
        table (str, optional): Path of a table that ``mmst profile`` has written.
        pruner (Pruner): Draws masks by it; errors name its ``owner``.
        family (object): The setting ``family``.
        target_ms (float, optional): The milliseconds that the mask of the pruner's sparsity may
            take.

    Raises:
        ConfigError: One is given without the other, or other settings contradict it.
    """
    owner = pruner.owner
    key = f'{owner}.allocation'
    check_choice(key, allocation, (*AIMS, None))
    if target_ms is not None:
        target_ms = check_number(f'{owner}.target_ms', target_ms, above=0,
                                 remedy='give milliseconds, e.g. 30, or None')
        if allocation != 'magnitude':
            raise config_error(f'{owner}.target_ms', target_ms, f'{key} = {allocation!r} knows no '
                               'bound of time', "set allocation='magnitude', or omit it")
    if allocation is None:
        if table is not None:
            raise config_error(f'{owner}.table', table, f'nothing is drawn by it without {key}',
                               "set allocation='ms', or omit it")
        return pruner.allocation
    if table is None:
        raise config_error(key, allocation, 'it needs the measured times of the network',
                           f'measure a table with mmst profile, and set {owner}.table to it')
    _check_pruner(pruner, allocation, family)
    return TimedAllocation(allocation, table, f'{owner}.table', target_ms, pruner.sparsity)


def _check_pruner(pruner: Pruner, allocation: str, family: object) -> None:
    """Refuse settings of the pruner that an allocation contradicts."""
    for name, value, wrong, remedy in (
            ('scope', pruner.scope, pruner.scope != 'global', "set scope='global'"),
            ('criterion', criterion_name(pruner.criterion),
             not needs_weights_alone(pruner.criterion), "set criterion='magnitude' or 'lamp'"),
            ('family', family, family is not None, 'set family=None')):
        if wrong:
            raise config_error(f'{pruner.owner}.{name}', value, f'{pruner.owner}.allocation='
                               f'{allocation!r} chooses the densities of layers by their '
                               'weights alone, for one mask', f'{remedy}, or allocation=None')
