"""Counts a network's milliseconds and its other costs, while it shrinks."""
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import config_error
from ...models.hrnas.lightweight_transformer import LightweightTransformer
from ...models.hrnas.mixconv import MixConv
from ...search.importance import Keep
from ...search.unit_group import UnitGroup
from ...search.units import find_units
from ..cost import HW
from ..network_costs import Forecast, NetworkCosts
from .table import LatencyTable
from .this_machine import this_machine
from .work import Index, search_block_of, timed_modules


class NetworkTimes:
    """Computes the milliseconds of a network with fewer units.

    Args:
        table (LatencyTable): It covers the network.
        model (nn.Module): Its units and weights do not change while this is used.
        mask (Mapping[str, Tensor], optional): Parameter name to bool, True where kept.
    """

    def __init__(self, table: LatencyTable, model: nn.Module,
                 mask: Mapping[str, Tensor] | None = None):
        self.table, self.works = table, table.works(model, mask)
        self.now = {path: table.modules[path].milliseconds(work())
                    for path, work in self.works.items()}
        self.places = unit_places(model)

    def __call__(self, keep: Keep) -> float:
        """Return the time without the units that ``keep`` leaves out."""
        chosen: dict[str, dict[str, Index]] = {}
        for group, stays in keep.items():
            path, kind = self.places[group]
            chosen.setdefault(path, {})[kind] = np.asarray(stays, np.int64)
        times = {**self.now, **{
            path: self.table.modules[path].milliseconds(self.works[path](**index))
            for path, index in chosen.items()}}
        return self.table.overhead + self.table.factor * sum(times.values())

    def of_units(self, name: str, group: UnitGroup) -> Tensor:
        """Return the time of each unit of a group: an equal share of that of its kernel size."""
        path, kind = self.places[name]
        sizes, found = np.array(group.kernel_sizes), torch.zeros(len(group))
        for size in set(group.kernel_sizes):
            others: dict[str, Any] = {kind: np.flatnonzero(sizes != size)}
            left = self.table.modules[path].milliseconds(self.works[path](**others))
            found[torch.from_numpy(sizes == size)] = (self.now[path] - left) / int(
                (sizes == size).sum())
        return found * self.table.factor


class TimedCosts(NetworkCosts):
    """Counts the costs of a network and its milliseconds, ``ms``, at the sparsity of its ticket.

    Args:
        input_shape (Tuple[int, int]): Height and width of the image in pixels.
        path (str): Of the table, which is read when it is first needed.
        key (str): Of the setting that names it.
    """

    unit = 'ms'

    def __init__(self, input_shape: HW, path: str, key: str = 'table'):
        super().__init__(input_shape)
        self.path, self.key = path, key
        self._forecast: Forecast = lambda model, select: None

    @cached_property
    def table(self) -> LatencyTable:
        """Return the table.

        Raises:
            ConfigError: There is none, or it is damaged.
        """
        return LatencyTable.load(self.path, self.key)

    def check(self, model: nn.Module) -> None:
        """Refuse networks and units that the table does not cover.

        Raises:
            ConfigError: Naming the first module or group.
        """
        self.table.check_covers(model, self.key, self.path, self.input_shape)
        places = unit_places(model)
        for name in find_units(model):
            if name not in places:
                raise config_error(self.key, self.path, f'it has no time of the units {name}',
                                   'search declared units alone (units="declared"), or without '
                                   'milliseconds')

    def warning(self) -> str | None:
        """Say that times were measured on another machine; None where they were on this one."""
        return self.table.warning(self.key, self.path, this_machine())

    @property
    def source(self) -> str | None:
        return self.table.digest

    def check_source(self, before: object) -> None:
        if before not in (None, self.table.digest):
            raise config_error(self.key, self.path, 'it was measured again since the run began, '
                               'whose penalty and costs are by the former one',
                               'put the table back that it began with, or begin a new run')

    def foresee(self, forecast: Forecast) -> None:
        """Count under the mask that ``forecast`` gives, see :data:`Forecast`; before, all weights
        that are not 0 count.
        """
        self._forecast = forecast

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """Return the sums of :class:`NetworkCosts`, and ``ms``."""
        return dict(super().__call__(model), ms=self.times(model)({}))

    def remaining(self, model: nn.Module) -> Callable[[Keep], dict[str, float]]:
        costs = super().remaining(model)
        return lambda keep: dict(costs(keep), ms=self.times(model, keep)(keep))

    def largest(self, model: nn.Module) -> dict[str, float]:
        whole = {name: torch.ones(p.shape, dtype=torch.bool)
                 for name, p in model.named_parameters() if p.dim() > 1}
        return dict(super().__call__(model), ms=self.table.predict(model, whole))

    def unit_costs(self, model: nn.Module,
                   groups: Mapping[str, UnitGroup]) -> dict[str, Tensor]:
        """Return the milliseconds of each unit."""
        times = self.times(model)
        return {name: times.of_units(name, group) for name, group in groups.items()}

    def times(self, model: nn.Module, keep: Keep | None = None) -> NetworkTimes:
        """Return the times of a network under the mask that it is going to have.

        Args:
            model (nn.Module): The network.
            keep (Keep, optional): The mask is that of the network without the units that this
                leaves out, which has fewer weights to choose among.
        """
        rest = Rest(model, keep or {})
        mask = self._forecast(model, rest.select)
        return NetworkTimes(self.table, model, mask and {
            name: rest.put_back(name, model.get_parameter(name), kept)
            for name, kept in mask.items()})


class Rest:
    """Finds the rest of a network's weights without some units.

    Args:
        model (nn.Module): The network.
        keep (Keep): Group to the units that stay.
    """

    def __init__(self, model: nn.Module, keep: Keep):
        self.chosen: dict[str, tuple[int, Tensor]] = {}
        for group, stays in keep.items():
            path, _, _ = group.rpartition('.')
            module, index = model.get_submodule(path), torch.tensor(stays, dtype=torch.long)
            sides = (channel_sides(module, index) if isinstance(module, MixConv)
                     else token_sides(cast(LightweightTransformer, module), index))
            self.chosen.update({f'{path}.{name}': side for name, side in sides.items()})

    def select(self, name: str, weight: Tensor) -> Tensor:
        """Return the rest of a weight."""
        if name not in self.chosen:
            return weight
        dim, index = self.chosen[name]
        return weight.index_select(dim, index.to(weight.device))

    def put_back(self, name: str, weight: Tensor, kept: Tensor) -> Tensor:
        """Return a mask of the whole weight, False where nothing is left."""
        if name not in self.chosen:
            return kept
        dim, index = self.chosen[name]
        whole = torch.zeros(weight.shape, dtype=torch.bool, device=kept.device)
        return whole.index_copy_(dim, index.to(kept.device), kept)


def unit_places(model: nn.Module) -> dict[str, tuple[str, str]]:
    """Return the timed module of each group of units, and the meaning of its units there."""
    found = {}
    for path, module in timed_modules(model).items():
        block = search_block_of(module)
        prefix = path if block is module else f'{path}.block'
        if block is not None:
            found[f'{prefix}.mixconv.channels'] = path, 'channels'
            found[f'{prefix}.transformer.tokens'] = path, 'tokens'
    return found


def channel_sides(mix: MixConv, index: Tensor) -> dict[str, tuple[int, Tensor]]:
    """Return along which dimension hidden channels lie in each weight, and which of them stay."""
    sides, start = {'expand.weight': (0, index), 'project.weight': (1, index)}, 0
    for i, width in enumerate(mix.widths):
        inside = index[(index >= start) & (index < start + width)]
        sides[f'depthwise.{i}.weight'] = 0, inside - start
        start += width
    return sides


def token_sides(transformer: LightweightTransformer,
                index: Tensor) -> dict[str, tuple[int, Tensor]]:
    """Return along which dimension tokens lie in each weight, and which of them stay.

    Without any nothing is left of the whole path.
    """
    if not len(index):
        return {name: (0, index) for name, p in transformer.named_parameters() if p.dim() > 1}
    return {'input_proj.weight': (0, index), 'output_proj.weight': (1, index)}
