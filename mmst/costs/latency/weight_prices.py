"""Says how many milliseconds a kept weight of each layer costs."""
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ...pruning.mask import Mask
from .table import LatencyTable
from .work import timed_modules, work_of

#: By which share of a layer's kept weights their number changes where a price is taken.
_CHANGE = 0.25


class Ranks:
    """Knows the place of each weight in its layer, the highest score first; ties by index.

    Args:
        scores (Mapping[str, Tensor]): Layer to scores.
    """

    def __init__(self, scores: Mapping[str, Tensor]):
        self.places: dict[str, Tensor] = {}
        for name, score in scores.items():
            order = score.detach().flatten().cpu().argsort(descending=True, stable=True)
            places = torch.empty_like(order)
            places[order] = torch.arange(len(order))
            self.places[name] = places.view(score.shape)

    def mask(self, counts: Mapping[str, int]) -> Mask:
        """Return the mask that keeps ``counts`` weights of each of these layers."""
        return Mask({name: self.places[name] < count for name, count in counts.items()})


class WeightPrices:
    """Takes the price of one more weight in each layer: the milliseconds that it adds.

    A block's channels cost time where they are live, which depends on several layers at once: a
    price is that around a mask, a difference of two numbers of weights, divided by their own.

    Args:
        table (LatencyTable): It covers the network.
        model (nn.Module): The network.
        scores (Mapping[str, Tensor]): Layer to the scores of its weights, of their shapes.
    """

    def __init__(self, table: LatencyTable, model: nn.Module, scores: Mapping[str, Tensor]):
        self.table, self.ranks = table, Ranks(scores)
        self.modules = timed_modules(model)
        self.inside = {path: [name for name in scores if name.startswith(f'{path}.')]
                       for path in self.modules}
        self.names = list(scores)

    def __call__(self, counts: Mapping[str, int]) -> dict[str, float]:
        """Return the price of each layer around ``counts``; 0 outside of the table's modules."""
        prices = dict.fromkeys(self.names, 0.)
        for path, names in self.inside.items():
            mask = dict(self.ranks.mask({name: counts[name] for name in names}))
            for name in names:
                places = self.ranks.places[name]
                step = max(round(_CHANGE * counts[name]), 1)
                fewer, more = max(counts[name] - step, 0), min(counts[name] + step, places.numel())
                times = [self._milliseconds(path, {**mask, name: places < count})
                         for count in (fewer, more)]
                prices[name] = self.table.factor * max(times[1] - times[0], 0.) / (more - fewer)
        return prices

    def predict(self, counts: Mapping[str, int]) -> float:
        """Return the milliseconds of the network that keeps ``counts`` weights of each layer."""
        mask = self.ranks.mask(counts)
        return self.table.overhead + self.table.factor * sum(
            self._milliseconds(path, mask) for path in self.modules)

    def _milliseconds(self, path: str, mask: Mapping[str, Tensor]) -> float:
        work = work_of(path, self.modules[path], self.table.engine, mask)
        return self.table.modules[path].milliseconds(work())
