"""Describes the coupled channels of a network as plain data."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..norms import has_scales
from .trace import ChannelTrace

#: Name of a parameter or buffer, and one of its dimensions.
Side = tuple[str, int]


#: Why scales belong to no unit.
_STAY = 'an output, or a function that no channel can be followed through, needs all of them'
_ONE = 'its channels can only go all together'
_UNUSED = 'no pass over an image has used it'
_UNSAVED = 'no file holds its buffer {name!r}, which differs by channel'


@dataclass(frozen=True)
class Coupled:
    """Names channels of several tensors that go together: the units of one group.

    Attributes:
        units (int): How many, in the whole network.
        members (Dict[Side, Tensor]): (units, k): each unit's positions along a tensor's dimension.
        scales (List[Side]): Those of the members whose numbers are importance factors.
        kernel_size (int): Of the convolution that makes these channels; 1 of linears.
        attributes (List[Tuple[str, str, int]]): Path of a module, name of a number that it holds,
            and how many times the units left it is: the heads of attention, or their whole width.
    """
    units: int
    members: dict[Side, Tensor]
    scales: list[Side]
    kernel_size: int = 1
    attributes: list[tuple[str, str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """Holds all groups of a network, as it was before any search.

    Attributes:
        groups (Dict[str, Coupled]): By name: the path of the layer that makes the channels, and
            ``channels``.
        sizes (Dict[Side, int]): Length of every dimension that has a member.
        used (Dict[str, float]): Weight to the multiply-adds of each of its numbers.
        left_alone (Dict[str, str]): Layers with scales whose channels stay, and why.
        shifts (Dict[str, str]): Scales of norms to their shifts, where these are not a layer's
            ``weight`` and ``bias``. No part of files.
    """
    groups: dict[str, Coupled]
    sizes: dict[Side, int]
    used: dict[str, float] = field(default_factory=dict)
    left_alone: dict[str, str] = field(default_factory=dict)
    shifts: dict[str, str] = field(default_factory=dict)

    def __deepcopy__(self, memo: dict[int, Any]) -> 'Plan':
        return self  # never changed

    def without(self, names: Mapping[str, str]) -> 'Plan':
        """Return the plan without some groups, for the reasons given."""
        left = {name: group for name, group in self.groups.items() if name not in names}
        sides = {side for group in left.values() for side in group.members}
        return replace(self, groups=left, left_alone={**self.left_alone, **names},
                       sizes={side: n for side, n in self.sizes.items() if side in sides})

    def with_attributes(self, name: str, attributes: list[tuple[str, str, int]]) -> 'Plan':
        """Return the plan in which numbers that modules hold follow the units of a group."""
        group = replace(self.groups[name], attributes=attributes)
        return replace(self, groups={**self.groups, name: group})

    def below(self, part: str) -> 'Plan':
        """Return the plan of one part of the network, named as the part names it."""
        prefix = f'{part}.'
        groups = {}
        for name, group in self.groups.items():
            members = {(n.removeprefix(prefix), dim): positions
                       for (n, dim), positions in group.members.items() if n.startswith(prefix)}
            scales = [(n.removeprefix(prefix), d) for n, d in group.scales if n.startswith(prefix)]
            if members:
                groups[name.removeprefix(prefix)] = Coupled(
                    group.units, members, scales or list(members)[:1], group.kernel_size,
                    [(path.removeprefix(prefix), own, times)
                     for path, own, times in group.attributes if path.startswith(prefix)])
        sizes = {(n.removeprefix(prefix), dim): size for (n, dim), size in self.sizes.items()
                 if n.startswith(prefix)}
        return Plan(groups, sizes, {n.removeprefix(prefix): times
                                    for n, times in self.used.items() if n.startswith(prefix)})

    def to_plain(self) -> dict[str, Any]:
        """Return plain data, as a ticket holds it."""
        groups = {name: dict(
            units=group.units, kernel_size=group.kernel_size,
            scales=[list(side) for side in group.scales],
            members=[[name_, dim, _short(positions)]
                     for (name_, dim), positions in group.members.items()],
            **(dict(attributes=[list(a) for a in group.attributes]) if group.attributes else {}))
            for name, group in self.groups.items()}
        return dict(groups=groups, sizes=[[*side, n] for side, n in self.sizes.items()],
                    used=dict(self.used))

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> 'Plan':
        """Restore the result of :meth:`to_plain`; see :func:`~.described.plan_for` for files."""
        groups = {name: Coupled(
            group['units'],
            {(member, dim): _long(short, group['units'])
             for member, dim, short in group['members']},
            [(member, dim) for member, dim in group['scales']], group['kernel_size'],
            [(path, own, times) for path, own, times in group.get('attributes', ())])
            for name, group in data['groups'].items()}
        return cls(groups, {(name, dim): n for name, dim, n in data['sizes']}, dict(data['used']))


def plan_of(model: nn.Module, trace: ChannelTrace) -> Plan:
    """Return the groups that a trace of ``model`` has found, of at least two units with scales."""
    found: dict[int, dict[Side, list[int]]] = {}
    components = trace.solve()
    for name, sides in components.items():
        for dim, roots in enumerate(sides):
            for position, root in enumerate(roots.tolist()):
                if root:
                    found.setdefault(root, {}).setdefault((name, dim), []).append(position)
    alike: dict[tuple[Any, ...], list[dict[Side, list[int]]]] = {}
    for members in found.values():
        signature = tuple((side, len(positions)) for side, positions in members.items())
        alike.setdefault(signature, []).append(members)
    norms, makers = _norm_weights(model) | set(trace.norms), _makers(model)
    groups: dict[str, Coupled] = {}
    for units in alike.values():
        group = _couple(units, norms, makers)
        if group is not None:
            made = next(side[0] for side in group.members if makers.get(side[0], (None, ))[0]
                        == side[1])
            name = f'{made.rpartition(".")[0]}.channels'
            count = sum(other.startswith(name) for other in groups)
            groups[f'{name}{count or ""}'] = group
    sizes = {(name, dim): len(components[name][dim])
             for group in groups.values() for name, dim in group.members}
    inside = {side[0] for group in groups.values() for side in group.members}
    why = {name: _UNUSED if name in trace.unused_names() else _STAY if not bool(
        components[name][0].any()) else _ONE for name in sorted(norms - inside)}
    plan = Plan(groups, sizes, dict(trace.used), why, dict(trace.norms))
    return plan.without(_find_unsaved(model, plan))


def _find_unsaved(model: nn.Module, plan: Plan) -> dict[str, str]:
    """Return groups with buffers that states leave out, where units differ: the network of a file
    could not find out which units are left.
    """
    found = {}
    for path, module in model.named_modules():
        for own in module._non_persistent_buffers_set & set(module._buffers):
            name = f'{path}.{own}'.lstrip('.')
            for group, coupled in plan.groups.items():
                for side, positions in coupled.members.items():
                    values = module._buffers[own]
                    if side[0] == name and values is not None:
                        rows = values.detach().movedim(side[1], 0)[positions]
                        if bool((rows != rows[:1]).any()):
                            found[group] = _UNSAVED.format(name=name)
    return found


def _couple(units: Sequence[dict[Side, list[int]]], norms: set[str],
             makers: Mapping[str, tuple[int, int, bool]]) -> Coupled | None:
    sides = list(units[0])
    made = [s for s in sides if makers.get(s[0], (None, ))[0] == s[1]]
    scales = [s for s in sides if s[0] in norms] or [s for s in made if makers[s[0]][2]]
    if len(units) < 2 or not scales or not made:
        return None
    members = {side: torch.tensor([unit[side] for unit in units]) for side in sides}
    return Coupled(len(units), members, scales, makers[made[0][0]][1])


def _norm_weights(model: nn.Module) -> set[str]:
    """Return the names of the scales γ of norms that let channels go."""
    return {f'{path}.weight'.lstrip('.') for path, m in model.named_modules()
            if has_scales(m) or (isinstance(m, nn.GroupNorm) and m.affine)}


def _makers(model: nn.Module) -> dict[str, tuple[int, int, bool]]:
    """Return weights' names to the dimension of their outputs, kernel size, linear or not."""
    found = {}
    for path, m in model.named_modules():
        name = f'{path}.weight'.lstrip('.')
        if isinstance(m, nn.modules.conv._ConvNd):
            found[name] = (int(m.transposed), int(m.kernel_size[0]), False)
        elif isinstance(m, nn.Linear):
            found[name] = (0, 1, True)
    return found


def _short(positions: Tensor) -> list[Any]:
    """Return each column as its first entry and its step, or whole where the steps differ."""
    columns = []
    for column in positions.t():
        steps = column.diff().unique()
        columns.append([int(column[0]), int(steps[0])] if len(steps) == 1 else
                       [column.tolist()])
    return columns


def _long(columns: Sequence[Any], units: int) -> Tensor:
    return torch.stack([
        torch.tensor(column[0]) if len(column) == 1 else column[0] + column[1] * torch.arange(units)
        for column in columns], 1)
