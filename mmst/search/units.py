"""Search units: what the search may remove, offered by the modules themselves.

A module takes part in the search by a method ``search_units() -> Dict[str, UnitGroup]``, or by an
adapter for its class where the class is not ours. Nothing is found by name patterns or tracing, so
necks and other backbones can offer units too.
"""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from torch import Tensor, nn

from ..registry import UNIT_ADAPTERS
from .scales import Scale, combined
from .surgery import Cut

if TYPE_CHECKING:
    from .adapters import UnitAdapter


@dataclass(frozen=True)
class UnitGroup:
    """Search units that are removed alike, with their importance factors (Sec. 3.1).

    Most have one BN, whose scales γ are the factors. Coupled channels of a whole network, e.g. those
    of a residual stream, have several ``scales`` in its place.

    Made anew at each use: wrapping a model (SyncBN) replaces modules.

    Attributes:
        kind (str): ``'channel'`` or ``'token'``.
        bn (nn.Module, optional): The BN; ``bn.weight`` has one entry a unit. None: see ``scales``.
        kernel_sizes (List[int]): Kernel size of each unit; 0 for tokens.
        keep (Callable): ``keep(index, cut)`` keeps the units of ``index`` (1-D, ascending) and
            removes the others from every tensor that they occupy.
        macs (Callable): ``macs(in_hw, out_hw)`` is a 1-D tensor, the multiply-adds of each unit for
            one sample whose feature map enters with ``in_hw`` and leaves with ``out_hw``.
        minimum (int): Units that a search leaves at least, the most important ones; 0 where the
            module can do without any.
        scales (Sequence[Scale]): All the factors of units that have several.
    """
    kind: str
    bn: nn.Module | None
    kernel_sizes: list[int]
    keep: Callable[[Tensor, Cut], None]
    macs: Callable[[tuple[int, int], tuple[int, int]], Tensor]
    minimum: int = 0
    scales: Sequence[Scale] = ()

    @property
    def gamma(self) -> nn.Parameter:
        """The importance factors, one a unit, of units that have one each."""
        return self.bn.weight

    def importance(self, reduction: str = 'mean') -> Tensor:
        """|γ| of each unit, 1-D; by ``reduction`` over them where a unit has several."""
        if self.scales:
            return combined(self.scales, reduction)
        return self.bn.weight.detach().abs()

    def penalised(self, costs: Tensor) -> list[tuple[nn.Parameter, int, Tensor]]:
        """What the penalty acts on, for units of the relative ``costs`` (1-D).

        Returns:
            List[Tuple[nn.Parameter, int, Tensor]]: A parameter, the dimension along which its
            entries belong to units, and costs that broadcast to its shape.
        """
        if self.scales:
            return [(scale.parameter, scale.dim, scale.spread(costs)) for scale in self.scales]
        return [(self.bn.weight, 0, costs)]

    def __len__(self) -> int:
        return len(self.kernel_sizes) if self.bn is None else self.bn.weight.shape[0]

    def count_by_label(self) -> dict[int, int]:
        """Units left per kernel size (0: tokens)."""
        return {label: self.kernel_sizes.count(label) for label in sorted(set(self.kernel_sizes))}


def find_units(model: nn.Module) -> dict[str, UnitGroup]:
    """All groups of search units of ``model`` that still hold a unit.

    A module that shares a weight with one outside of it is left alone: a removal would change both.

    Returns:
        Dict[str, UnitGroup]: Name of the group (module path, then the group's own name) to group.
    """
    groups, shared = {}, shared_owners(model)
    for path, module in model.named_modules():
        units = units_of(module)
        if units and shared and _shares_outside(path, module, shared):
            continue
        for name, group in units.items():
            if len(group):
                groups[f'{path}.{name}' if path else name] = group
    return groups


def shared_owners(model: nn.Module) -> dict[int, list[str]]:
    """``id`` of each parameter that several modules own to their paths."""
    owners: dict[int, list[str]] = {}
    for path, module in model.named_modules():
        for p in module._parameters.values():
            if p is not None:
                owners.setdefault(id(p), []).append(path)
    return {key: paths for key, paths in owners.items() if len(paths) > 1}


def _shares_outside(path: str, module: nn.Module, owners: dict[int, list[str]]) -> bool:
    inside = f'{path}.' if path else ''
    return any(not f'{owner}.'.startswith(inside)
               for p in module.parameters() for owner in owners.get(id(p), ()))


def units_of(module: nn.Module) -> dict[str, UnitGroup]:
    """Groups that ``module`` offers, itself or through its adapter."""
    if hasattr(module, 'search_units'):
        return module.search_units()
    adapter = adapter_of(module)
    return adapter.search_units() if adapter is not None else {}


def offers_units(module: nn.Module) -> bool:
    """Whether ``module`` takes part in the search, even if no unit is left in it."""
    return hasattr(module, 'search_units') or bool(units_of(module))


def adapter_of(module: nn.Module) -> Optional['UnitAdapter']:
    """The adapter of a module by its class's dotted name, or None.

    By name, so that nobody has to import a toolbox (or install it) to register an adapter.
    """
    UNIT_ADAPTERS.import_from_location()
    kind = type(module)
    adapter = UNIT_ADAPTERS.module_dict.get(f'{kind.__module__}.{kind.__qualname__}')
    return adapter(module) if adapter is not None else None


def module_path(group_name: str) -> str:
    """Path of the module that offers the group."""
    return group_name.rpartition('.')[0]
