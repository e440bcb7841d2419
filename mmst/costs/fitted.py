"""Learns the costs of units from a few traces, where their module does not give them."""
from collections.abc import Callable, Iterable, Mapping

from torch import nn

from ..search.graph.channels import channels_of
from ..search.target import copy_without_units
from ..search.units import module_path
from .arithmetic import Counts, Groups
from .cost import HW, count_macs
from .mac_counter import MacCounter

#: Parameters and multiply-adds.
Cost = tuple[int, int]
#: Path of a module to its part of a network's cost.
Parts = dict[str, Cost]
#: A group and a kernel size, of which one unit is left out.
Missing = tuple[str, int]
#: So many traces are worth it; networks that ask for more are traced at each search.
TRACES = 8


class FittedUnits:
    """Multiplies numbers of units by the cost of one.

    Args:
        each (Mapping[Missing, Cost]): Group and kernel size to the cost of one unit.
    """

    def __init__(self, each: Mapping[Missing, Cost]):
        self.each = each

    def __call__(self, groups: Groups, counts: Counts) -> Cost:
        params = macs = 0
        for (name, label), (own_params, own_macs) in self.each.items():
            count = counts.get(name, {}).get(label, 0)
            params, macs = params + count * own_params, macs + count * own_macs
        return params, macs


def fit_rest(twin: nn.Module, groups: Groups, counter: MacCounter,
             input_shape: HW) -> FittedUnits | None:
    """Return the costs of units that neither weights nor modules tell; None where traces cannot.

    These are products of feature maps with each other, e.g. those of attention, where channels were
    followed, and otherwise all of a module that does not say the costs of its units. Each costs the
    same as the others, or the fit is wrong: whoever takes it looks at a smaller network.

    Args:
        twin (nn.Module): A ``meta_copy``; it stays as it is.
        groups (Groups): Its units.
        counter (MacCounter): Of the whole of it.
        input_shape (HW): Height and width of the image in pixels.
    """
    channels = channels_of(twin)
    if channels is not None:
        inside = {name: sorted(channels.tensors(name)) for name in groups}
        touched = {name: [path for path in counter.products if _any_below(path, tensors)]
                   for name, tensors in inside.items()}
        parts: Callable[[nn.Module, MacCounter], Parts] = _products
    else:
        touched = {name: [module_path(name)] for name, group in groups.items()
                   if group.cost is None}
        if any(groups[name].minimum < 1 for name in touched):
            return None  # a path that is empty may cost nothing at all
        parts = _modules(dict.fromkeys(path for paths in touched.values() for path in paths))
    rounds = _rounds(groups, touched)
    if len(rounds) > TRACES:
        return None
    whole, each = parts(twin, counter), {}
    for missing in rounds:
        smaller = copy_without_units(twin, {name: _without_one(groups[name].kernel_sizes, label)
                                            for name, label in missing})
        found = parts(smaller, count_macs(smaller, input_shape))
        for name, label in missing:
            differences = [(whole[path][0] - found.get(path, (0, 0))[0],
                            whole[path][1] - found.get(path, (0, 0))[1])
                           for path in touched[name]]
            each[name, label] = sum(p for p, _ in differences), sum(m for _, m in differences)
    return FittedUnits(each)


def _rounds(groups: Groups, touched: Mapping[str, list[str]]) -> list[list[Missing]]:
    """Return units to leave out together: in a round at most one unit of each module."""
    rounds: list[list[Missing]] = []
    taken: list[set[str]] = []
    for name, paths in touched.items():
        if not paths or len(groups[name]) <= max(groups[name].minimum, 1):
            continue  # its cost does not change
        for label in groups[name].count_by_label():
            free = next((i for i, used in enumerate(taken) if used.isdisjoint(paths)), len(rounds))
            if free == len(rounds):
                rounds.append([])
                taken.append(set())
            rounds[free].append((name, label))
            taken[free].update(paths)
    return rounds


def _without_one(kernel_sizes: list[int], label: int) -> list[int]:
    gone = kernel_sizes.index(label)
    return [unit for unit in range(len(kernel_sizes)) if unit != gone]


def _products(network: nn.Module, counter: MacCounter) -> Parts:
    return {path: (0, macs) for path, macs in counter.products.items()}


def _modules(paths: Iterable[str]) -> Callable[[nn.Module, MacCounter], Parts]:
    def of(network: nn.Module, counter: MacCounter) -> Parts:
        return {path: (sum(p.numel() for p in network.get_submodule(path).parameters()),
                       sum(macs for at, macs in counter.macs.items() if _any_below(path, [at])))
                for path in paths}

    return of


def _any_below(path: str, names: Iterable[str]) -> bool:
    return any(not path or name == path or name.startswith(f'{path}.') for name in names)
