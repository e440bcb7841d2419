"""Tries out whether a removal of units leaves a network's outputs as they are."""
import copy
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..copyable import copyable
from ..surgery import Cut
from .channels import attach, channels_of
from .numbers_held import numbers_of
from .plan import Plan

#: Largest difference of outputs, relative to their largest magnitude, in double precision.
TOLERANCE = 1e-7
#: Numbers held by modules of which all combinations are tried.
MOST_NUMBERS = 4
Runs = Mapping[str, Callable[[nn.Module], Any]]


def exact_groups(model: nn.Module, plan: Plan, runs: Runs) -> Plan:
    """Return the plan without the groups whose removal changes outputs where it must not.

    Half of each group's units are given scales and shifts of 0, on the one hand, and are removed,
    on the other. Groups that fail are found by halving; of the same layers of many blocks, the
    first speaks for the others.
    """
    failed: dict[str, str] = {}

    def check(families: Sequence[Sequence[str]]) -> None:
        nonlocal plan
        names = [name for family in families for name in family]
        reason = difference(model, plan, runs, names) if names else None
        if reason is None:
            return
        if len(names) == 1:
            fitting = _with_numbers(model, plan, runs, names[0])
            if fitting is None:
                failed[names[0]] = reason
            else:
                plan = fitting
        elif len(families) > 1:
            check(families[:len(families) // 2])
            check(families[len(families) // 2:])
        else:
            check([names[:1]])
            if names[0] not in failed:
                plan = _alike(model, plan, names)
                check([[name] for name in names[1:]])
            elif difference(model, plan, runs, names[1:]) is not None:
                failed.update(dict.fromkeys(names, reason))

    check(_families(plan.groups))
    left = plan.without(failed)
    if failed and left.groups:
        reason = difference(model, left, runs, list(left.groups))
        if reason is not None:  # each fits alone, all together do not
            return plan.without(dict.fromkeys(plan.groups, reason))
    return left


def _with_numbers(model: nn.Module, plan: Plan, runs: Runs, name: str) -> Plan | None:
    """Return a plan in which removing units of a group is exact, as numbers follow that modules
    hold, e.g. how many heads they have; None if there is none.
    """
    taken = {attribute[:2] for other, group in plan.groups.items() if other != name
             for attribute in group.attributes}
    free = [a for a in numbers_of(model, plan.groups[name]) if a[:2] not in taken][:MOST_NUMBERS]
    for size in range(1, len(free) + 1):
        for chosen in itertools.combinations(free, size):
            fitting = plan.with_attributes(name, list(chosen))
            if difference(model, fitting, runs, [name]) is None:
                return fitting
    return None


def _alike(model: nn.Module, plan: Plan, names: Sequence[str]) -> Plan:
    """Let the numbers follow the other groups that follow the first one, in their own blocks."""
    numbers = {attribute[1:] for attribute in plan.groups[names[0]].attributes}
    for name in names[1:] if numbers else ():
        plan = plan.with_attributes(name, [number for number in numbers_of(
            model, plan.groups[name]) if number[1:] in numbers])
    return plan


@torch.no_grad()
def difference(model: nn.Module, plan: Plan, runs: Runs, names: Sequence[str]) -> str | None:
    """Return how removing half of the units differs from zeroing them; None where it does not."""
    twin = copy.deepcopy(copyable(model))
    attach(twin, plan)
    keep = {name: half(plan.groups[name].units) for name in names}
    zero(twin, plan, keep)
    before = {key: _tensors(run(twin)) for key, run in runs.items()}
    channels = channels_of(twin)
    assert channels is not None  # attached above
    groups = channels.search_units(twin)
    for name, index in keep.items():
        groups[name].keep(index, Cut())
    try:
        after = {key: _tensors(run(twin)) for key, run in runs.items()}
    except Exception as error:  # any that forward functions raise where shapes do not fit
        text = ' '.join(str(error).split())
        return f'the network cannot run without its units ({text[:100]})'
    for key, one in before.items():
        for a, b in zip(one, after[key], strict=True):
            if a.shape != b.shape:
                return 'the shape of an output changes'
            if float((a - b).abs().max()) > TOLERANCE * max(float(a.abs().max()), 1e-12):
                return 'outputs change where its scales are 0'
    return None


def _families(names: Iterable[str]) -> list[list[str]]:
    """Return the names that differ in their numbers alone, together."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(re.sub(r'\d+', '#', name), []).append(name)
    return list(found.values())


def half(units: int) -> Tensor:
    """Return half of the units at random, so that no pattern of the network is met by chance."""
    generator = torch.Generator().manual_seed(units)
    return torch.randperm(units, generator=generator)[:max(units // 2, 1)].sort().values


@torch.no_grad()
def zero(model: nn.Module, plan: Plan, keep: Mapping[str, Tensor]) -> None:
    """Give the units that are not kept scales and shifts of 0, in place."""
    tensors = dict(model.named_parameters())
    for name, index in keep.items():
        group = plan.groups[name]
        gone = torch.ones(group.units, dtype=torch.bool)
        gone[index] = False
        for weight, dim in group.scales:
            positions = group.members[weight, dim][gone].flatten()
            tensors[weight].index_fill_(dim, positions, 0)
            bias = plan.shifts.get(weight) or f'{weight.rpartition(".")[0]}.bias'.lstrip('.')
            if (bias, 0) in group.members:
                tensors[bias].index_fill_(0, group.members[bias, 0][gone].flatten(), 0)


def _tensors(outputs: Any) -> list[Tensor]:
    return [t for t in tree_leaves(outputs) if isinstance(t, Tensor) and t.is_floating_point()]
