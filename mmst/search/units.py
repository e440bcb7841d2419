"""Finds search units, which the search may remove; modules offer them themselves.

A module takes part in the search by a method ``search_units() -> Dict[str, UnitGroup]``, or by an
adapter for its class where the class is not ours. Nothing is found by name patterns, so necks and
other backbones can offer units too. A network whose channels were followed through a pass
(:mod:`mmst.search.graph`) offers those alone.
"""
from collections.abc import Iterable, Sequence

from torch import nn

from ..registry import UNIT_ADAPTERS
from .graph.channels import channels_of
from .own_code import ask_units
from .unit_adapter import UnitAdapter
from .unit_group import UnitGroup
from .walk import walk


def find_units(model: nn.Module) -> dict[str, UnitGroup]:
    """Return all groups of search units of ``model`` that still hold a unit.

    A module that shares a weight with one outside of it is left alone: a removal would change both.

    Returns:
        Dict[str, UnitGroup]: Name of the group (module path, then the group's own name) to group.
    """
    channels = channels_of(model)
    if channels is not None:
        return channels.search_units(model)
    modules, groups = list(walk(model)), {}
    shared = shared_owners(modules)
    none: set[type[nn.Module]] = set()  # classes without units
    for path, module in modules:
        if type(module) in none and 'search_units' not in vars(module):
            continue
        if not hasattr(module, 'search_units') and adapter_of(module) is None:
            none.add(type(module))
            continue
        units = units_of(module)
        if units and shared and _shares_outside(path, module, shared):
            continue
        for name, group in units.items():
            if len(group):
                groups[f'{path}.{name}' if path else name] = group
    return groups


def find_again(model: nn.Module, names: Sequence[str]) -> dict[str, UnitGroup]:
    """Return the result of ``find_units`` for a copy of the network in which it found ``names``."""
    channels = channels_of(model)
    if channels is not None:
        return channels.search_units(model)
    found = {}
    for path in dict.fromkeys(map(module_path, names)):
        units = units_of(model.get_submodule(path))
        found.update({f'{path}.{own}' if path else own: group for own, group in units.items()})
    return {name: found[name] for name in names}


def shared_owners(modules: Sequence[tuple[str, nn.Module]]) -> dict[int, list[str]]:
    """Return ``id`` of each parameter that several of a network's modules own to their paths."""
    owned = [id(p) for _, m in modules for p in m._parameters.values() if p is not None]
    if len(set(owned)) == len(owned):
        return {}
    owners: dict[int, list[str]] = {}
    for path, module in modules:
        for p in module._parameters.values():
            if p is not None:
                owners.setdefault(id(p), []).append(path)
    return {key: paths for key, paths in owners.items() if len(paths) > 1}


def _shares_outside(path: str, module: nn.Module, owners: dict[int, list[str]]) -> bool:
    inside = f'{path}.' if path else ''
    return any(not f'{owner}.'.startswith(inside)
               for p in module.parameters() for owner in owners.get(id(p), ()))


def units_of(module: nn.Module) -> dict[str, UnitGroup]:
    """Return groups that ``module`` offers, itself or through its adapter."""
    owner = module if hasattr(module, 'search_units') else adapter_of(module)
    return ask_units(owner) if owner is not None else {}


def offers_units(module: nn.Module) -> bool:
    """Return whether ``module`` takes part in the search, even if no unit is left in it."""
    return hasattr(module, 'search_units') or bool(units_of(module))


def adapter_of(module: nn.Module) -> UnitAdapter | None:
    """Return the adapter of a module by its class's dotted name, or None.

    By name, so that nobody has to import a toolbox (or install it) to register an adapter.
    """
    UNIT_ADAPTERS.import_from_location()
    kind = type(module)
    adapter = UNIT_ADAPTERS.module_dict.get(f'{kind.__module__}.{kind.__qualname__}')
    return adapter(module) if adapter is not None else None


def searched_parameters(model: nn.Module, groups: Iterable[str]) -> set[str]:
    """Return the names of the parameters that a removal of units of ``groups`` may cut.

    All of a module that offers units count; of channels that were followed through a pass those
    tensors that have a row or a column of a unit, whichever layers they are in.
    """
    names = dict.fromkeys(name for name, _ in model.named_parameters())
    channels = channels_of(model)
    if channels is not None:
        return {name for group in groups for name in channels.tensors(group) if name in names}
    inside = tuple({f'{module_path(group)}.' for group in groups})
    return {name for name in names if inside and name.startswith(inside)}


def module_path(group_name: str) -> str:
    """Return the path of the module that offers the group."""
    return group_name.rpartition('.')[0]
