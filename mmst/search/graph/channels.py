"""Offers channels of any network as search units: which are left, and how to remove them."""
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from ...errors import TicketError
from ..scales import Scale
from ..surgery import Cut, resize
from ..unit_group import UnitGroup
from .layer_sizes import tied_names, update_sizes
from .plan import Plan, Side

#: Attributes: of a network, its channels; of modules with an adapter, their units before any
#: search, or none where it does not act.
ATTRIBUTE, FULL_WIDTHS = 'mmst_channels', 'mmst_full_widths'


class Channels:
    """Holds the coupled channels of one network: its plan and the units that are left.

    It knows the network's tensors by name alone, so that it travels in copies of the network.

    Args:
        plan (Plan): The groups, numbered as in the network before any search.
    """

    def __init__(self, plan: Plan):
        self.plan = plan
        self._left = {name: torch.arange(group.units) for name, group in plan.groups.items()}
        self._alive = {side: torch.ones(size, dtype=torch.bool)
                       for side, size in plan.sizes.items()}

    def widths(self) -> dict[str, int]:
        """Return the units left of each group."""
        return {name: len(units) for name, units in self._left.items()}

    def tensors(self, name: str) -> set[str]:
        """Return the names of the parameters and buffers in which a group has units."""
        return {side[0] for side in self.plan.groups[name].members}

    def search_units(self, model: nn.Module) -> dict[str, UnitGroup]:
        """Return the groups of ``model``, whose channels these are."""
        tensors: dict[str, Tensor] = dict(model.named_parameters())
        tensors.update(model.named_buffers())
        return {name: self._group(model, name, tensors) for name in self.plan.groups}

    def places(self, name: str) -> dict[Side, Tensor]:
        """Return the (units, k) positions of the units left of a group in each of its tensors."""
        left = self._left[name]
        return {side: self._now(side, positions[left])
                for side, positions in self.plan.groups[name].members.items()}

    def _now(self, side: Side, positions: Tensor) -> Tensor:
        return (self._alive[side].cumsum(0) - 1)[positions]

    def _group(self, model: nn.Module, name: str, tensors: Mapping[str, Tensor]) -> UnitGroup:
        group, left = self.plan.groups[name], self._left[name]
        scales = [Scale(cast(nn.Parameter, tensors[side[0]]),
                        self._now(side, group.members[side][left]), side[1])
                  for side in group.scales]
        return UnitGroup(
            'channel', None, [group.kernel_size] * len(left),
            lambda index, cut: self.keep(model, name, index, cut),
            lambda *_: self._macs(name, tensors), minimum=1, scales=scales)

    def _macs(self, name: str, tensors: Mapping[str, Tensor]) -> Tensor:
        """Return multiply-adds of each unit: of all weights that it has a row or column of."""
        total = 0.
        for (tensor, dim), positions in self.plan.groups[name].members.items():
            times = self.plan.used.get(tensor)
            if times:
                weight = tensors[tensor]
                total += times * positions.shape[1] * weight.numel() / weight.shape[dim]
        return torch.full((len(self._left[name]), ), float(total))

    def keep(self, model: nn.Module, name: str, index: Tensor, cut: Cut) -> None:
        """Keep units of a group, by their places (1-D, ascending, not empty) among those left."""
        if not len(index):
            raise ValueError('nothing would come through the network any more')
        left = self._left[name]
        stays = torch.zeros(len(left), dtype=torch.bool)
        stays[index.cpu()] = True
        gone, members = left[~stays], self.plan.groups[name].members
        kept = torch.empty(0, dtype=torch.long)
        for side, positions in members.items():
            before = self._alive[side]
            after = before.clone()
            after[positions[gone].flatten()] = False
            found = torch.nonzero(after[before]).flatten()
            kept = kept if torch.equal(kept, found) else found  # ``Cut`` moves an index once
            cut(*_owner(model, side[0]), side[1], kept)
            self._alive[side] = after
        self._left[name] = left[stays]
        self._describe(model, name)

    def _describe(self, model: nn.Module, name: str) -> None:
        """Update the attributes of layers that hold sizes of a group."""
        group, tied = self.plan.groups[name], tied_names(model)
        tensors = dict.fromkeys(side[0] for side in group.members)
        update_sizes(model, [*tensors, *(other for one in tensors for other in tied.get(one, ()))])
        for path, own, times in group.attributes:
            setattr(model.get_submodule(path), own, times * len(self._left[name]))

    def fit(self, model: nn.Module, state_dict: Mapping[str, Tensor], prefix: str = '') -> None:
        """Give ``model`` the shapes of a state that is about to be loaded.

        Units are left by their number: which they were in the network before a search does not
        matter to the shapes. Tensors that the state does not have are cut alike.

        Raises:
            TicketError: If no search can have left such shapes.
        """
        incoming = {side: tuple(state_dict[prefix + side[0]].shape)
                    for side in self.plan.sizes if _has_side(state_dict, prefix, side)}
        if not incoming:
            return
        widths = self._solve({side: shape[side[1]] for side, shape in incoming.items()})
        for name, width in widths.items():
            left = len(self._left[name])
            if width < left:
                self.keep(model, name, torch.arange(width), Cut())
            elif width > left:
                self._grow(model, name, width)
        for side, shape in incoming.items():
            found = getattr(*_owner(model, side[0])).shape
            if len(shape) != len(found) or shape[side[1]] != found[side[1]]:
                raise TicketError(
                    f'{prefix}{side[0]} has shape {shape}, which no search can have left of this '
                    f'network (expected {tuple(found)}). Remedy: load it with the config it was '
                    'made with.')

    def _solve(self, lengths: Mapping[Side, int]) -> dict[str, int]:
        """Return the units of each group by the lengths of dimensions, as far as these determine
        them.
        """
        found: dict[str, int] = {}
        shares: dict[Side, dict[str, int]] = {}
        for name, group in self.plan.groups.items():
            for side, positions in group.members.items():
                if side in lengths:
                    shares.setdefault(side, {})[name] = positions.shape[1]
        progress = True
        while progress:
            progress = False
            for side, counts in shares.items():
                unknown = [name for name in counts if name not in found]
                if len(unknown) == 1:
                    name = unknown[0]
                    units = self.plan.groups[name].units
                    gone = self.plan.sizes[side] - lengths[side] - sum(
                        (self.plan.groups[n].units - found[n]) * k for n, k in counts.items()
                        if n in found)
                    found[name] = min(max(units - gone // counts[name], 1), units)
                    progress = True
        return found

    def _grow(self, model: nn.Module, name: str, width: int) -> None:
        """Make room for the first ``width`` units; the values of their tensors are undefined."""
        group = self.plan.groups[name]
        self._left[name] = torch.arange(width)
        for side in group.members:
            alive = torch.ones(self.plan.sizes[side], dtype=torch.bool)
            for other, left in self._left.items():
                positions = self.plan.groups[other].members.get(side)
                if positions is not None:
                    alive[positions.flatten()] = False
                    alive[positions[left].flatten()] = True
            self._alive[side] = alive
            module, key = _owner(model, side[0])
            shape = list(getattr(module, key).shape)
            shape[side[1]] = int(alive.sum())
            resize(module, key, shape)
        self._describe(model, name)


def channels_of(model: nn.Module) -> Channels | None:
    """Return the channels of a network that were found by a trace, or None."""
    return vars(model).get(ATTRIBUTE)


def attach(model: nn.Module, plan: Plan) -> None:
    """Let ``model`` offer the units of ``plan``, and take its shapes from states that are loaded.

    Both travel in copies of the network. To be called on a network as built, before any search.
    """
    first = channels_of(model) is None
    setattr(model, ATTRIBUTE, Channels(plan))
    for module in model.modules():
        if hasattr(module, FULL_WIDTHS):  # its adapter has no say any more
            setattr(module, FULL_WIDTHS, {})
    if first:
        model._register_load_state_dict_pre_hook(_fit, with_module=True)


def _fit(model: nn.Module, state_dict: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
    channels = channels_of(model)
    if channels is not None:
        channels.fit(model, state_dict, prefix)


def _owner(model: nn.Module, name: str) -> tuple[nn.Module, str]:
    """Return the module of a tensor, and its own name there."""
    path, _, own = name.rpartition('.')
    return model.get_submodule(path), own


def _has_side(state_dict: Mapping[str, Tensor], prefix: str, side: Side) -> bool:
    value = state_dict.get(prefix + side[0])
    return isinstance(value, Tensor) and value.dim() > side[1]
