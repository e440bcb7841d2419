"""Names the class whose search units are wrong: blocks and adapters may be a user's own."""
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..errors import blaming, config_error
from .surgery import Cut
from .unit_group import HW, UnitGroup


def ask_units(owner: Any) -> dict[str, UnitGroup]:
    """Return the groups of ``owner.search_units()``; their functions name its class where they
    fail or answer wrongly.

    Args:
        owner (nn.Module | UnitAdapter): It offers search units.

    Raises:
        ConfigError: Its method fails, or gives something else than groups.
    """
    kind = type(owner)
    key, remedy = f'search_units of {kind.__name__}', 'let it return Dict[str, UnitGroup]'
    with blaming(key, f'{kind.__module__}.{kind.__qualname__}', 'it', 'correct this method'):
        groups = owner.search_units()
    if not isinstance(groups, Mapping):
        raise config_error(key, type(groups).__name__, 'must be groups by their names', remedy)
    for name, group in groups.items():
        if not isinstance(group, UnitGroup):
            raise config_error(key, name, f'is a {type(group).__name__}', remedy)
    return {name: replace(
        group, keep=partial(_keep, key, name, group), macs=partial(_macs, key, name, group),
        cost=group.cost and partial(_call, key, name, 'cost()', group.cost))
        for name, group in groups.items()}


def _keep(key: str, name: str, group: UnitGroup, index: Tensor, cut: Cut) -> None:
    """Keep units of a group.

    Raises:
        ConfigError: Its function fails, or leaves another number of them.
    """
    _call(key, name, 'keep()', group.keep, index, cut)
    if group.bn is not None and len(group) != len(index):
        raise config_error(key, name, f'keep() leaves {len(group)} units of the batch norm, and '
                           f'was to leave {len(index)}', 'let keep() cut every tensor of its '
                           'units, the batch norm by cut.norm(bn, index)')


def _macs(key: str, name: str, group: UnitGroup, in_hw: HW, out_hw: HW) -> Tensor:
    """Return the multiply-adds of each unit of a group.

    Raises:
        ConfigError: Its function fails, or gives something else.
    """
    found: Tensor = _call(key, name, 'macs()', group.macs, in_hw, out_hw)
    shape = tuple(found.shape) if torch.is_tensor(found) else type(found).__name__
    if shape != (len(group), ):
        raise config_error(key, name, f'macs() returns {shape}, and the group has {len(group)} '
                           'units', 'let macs() return a 1-D tensor with one number a unit')
    return found


def _call(key: str, name: str, called: str, function: Callable[..., Any], *given: Any) -> Any:
    with blaming(key, name, called, f'correct the {called} of this group'):
        return function(*given)
