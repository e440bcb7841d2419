"""Finds the cost of each thing of a module's work from measured times."""
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...costs.latency.table import ONCE, Entry, LatencyTable
from ...costs.latency.work import ACTIVE, CALLS, TOKENS, Counts, names_of

#: Milliseconds below which a module's time matters to nobody.
LEAST = 1e-3
#: Kinds of work whose costs differ from one place to another, each by a factor of its own.
PARTS = ('once', 'tokens', 'channels')


def fit_modules(kinds: Mapping[str, str], alike: Sequence[Sequence[str]],
                works: Sequence[Mapping[str, Counts]],
                times: Sequence[Mapping[str, float]]) -> dict[str, Entry]:
    """Return the costs of all modules, each near to those of the modules that are like it.

    A few networks tell little of one module's many costs; the same code on maps of the same size
    costs about the same in other modules.

    Args:
        kinds (Mapping[str, str]): Path of each module to its kind.
        alike (Sequence[Sequence[str]]): Paths of modules that share their costs, in groups.
        works (Sequence[Mapping[str, Counts]]): Path to work, of each network.
        times (Sequence[Mapping[str, float]]): Path to milliseconds, of each network.
    """
    found: dict[str, Entry] = {}
    for group in alike:
        pairs = {path: ([own[path] for own in works], [own[path] for own in times])
                 for path in group}
        shared = fit_entry('', [counts for own, _ in pairs.values() for counts in own],
                           [ms for _, own in pairs.values() for ms in own])
        found.update((path, fit_entry(kinds[path], *pair, shared.ms if len(group) > 1 else None))
                     for path, pair in pairs.items())
    return {path: found[path] for path in kinds}


def fit_entry(kind: str, works: Sequence[Counts], times: Sequence[float],
              near: Mapping[str, float] | None = None) -> Entry:
    """Return the costs with which a module's times come nearest to those that were measured.

    No cost is negative. Squares of differences count in relation to the time itself.

    Args:
        kind (str): Of the module.
        works (Sequence[Counts]): Its work in several networks.
        times (Sequence[float]): Its milliseconds in them.
        near (Mapping[str, float], optional): Costs to stay near to: what a difference to one of
            them adds to the times counts as much as the error of a time.
    """
    names = [name for name in names_of(works) if any(counts.get(name) for counts in works)]
    rows = np.array([[1., *(counts.get(name, 0.) for name in names)] for counts in works])
    y = np.array(times, float)
    weights = 1 / np.sqrt(np.maximum(y, LEAST))
    a, b = rows * weights[:, None], y * weights
    if near is not None:
        sizes = np.sqrt(np.square(a).sum(0))
        a = np.concatenate([a, np.diag(sizes)])
        b = np.concatenate([b, sizes * [near.get(name, 0.) for name in (ONCE, *names)]])
    found = _not_negative(a, b)
    entry = Entry(kind, {name: float(f'{value:.5g}') for name, value in
                         zip([ONCE, *names], found, strict=True) if value > 0})
    wrong = [entry.milliseconds(counts) / max(time, LEAST) - 1
             for counts, time in zip(works, times, strict=True)]
    return Entry(kind, entry.ms, float(f'{np.sqrt(np.mean(np.square(wrong))):.3g}'))


def fit_network(table: LatencyTable, works: Sequence[Mapping[str, Counts]],
                wholes: Sequence[float]) -> LatencyTable:
    """Return the table with the times of networks beyond their modules.

    Between the modules a network takes the longer the more blocks are left; each adds as much.

    Args:
        table (LatencyTable): Without it.
        works (Sequence[Mapping[str, Counts]]): Path to work, of each network.
        wholes (Sequence[float]): Milliseconds of each network.
    """
    y, sums = np.array(wholes), np.array([table.milliseconds(own) for own in works])
    active = np.array([sum(counts.get(ACTIVE, 0.) for counts in own.values()) for own in works])
    overhead, factor, block = _not_negative(
        np.stack([np.ones(len(y)), sums, active], 1) / y[:, None], y / y)
    modules = dict(table.modules)
    for path in {path for own in works for path, counts in own.items() if counts.get(ACTIVE)}:
        modules[path] = _with_more(modules[path], block / factor if factor else 0.)
    return replace(table, modules=modules, overhead=float(f'{overhead:.5g}'),
                   factor=float(f'{factor:.5g}'))


def _with_more(entry: Entry, ms: float) -> Entry:
    """Return the costs of a module that takes so much longer where it has any channel."""
    return replace(entry, ms={**entry.ms, ACTIVE: float(f'{entry.ms.get(ACTIVE, 0.) + ms:.5g}')})


def transfer(table: LatencyTable, works: Sequence[Mapping[str, Counts]],
             wholes: Sequence[float]) -> LatencyTable:
    """Return a table for a place where whole networks alone can be timed.

    The costs of modules were measured in this process. There, work on tokens, work on channels and
    each call may take longer or shorter, by a factor each, which whole networks' times tell.

    Args:
        table (LatencyTable): Of this process.
        works (Sequence[Mapping[str, Counts]]): Path to work, of each network.
        wholes (Sequence[float]): Milliseconds of each network there.
    """
    sums = np.array([[_share(table, own, part) for part in PARTS] for own in works])
    y = np.array(wholes)
    rows = np.column_stack([np.ones(len(y)), sums])
    overhead, *factors = _not_negative(rows / y[:, None], y / y)
    by_part = dict(zip(PARTS, factors, strict=True))
    modules = {path: replace(entry, ms={
        name: float(f'{ms * by_part[_part_of(name)]:.5g}') for name, ms in entry.ms.items()
        if by_part[_part_of(name)] > 0}) for path, entry in table.modules.items()}
    return replace(table, modules=modules, overhead=float(f'{overhead:.5g}'), factor=1.)


def _part_of(name: str) -> str:
    return 'once' if name in CALLS else 'tokens' if name in TOKENS else 'channels'


def _share(table: LatencyTable, works: Mapping[str, Counts], part: str) -> float:
    """Return the milliseconds of one kind of work in a network."""
    return sum(ms * (1. if name == ONCE else counts.get(name, 0.))
               for path, counts in works.items()
               for name, ms in table.modules[path].ms.items() if _part_of(name) == part)


def _not_negative(a: npt.NDArray[np.float64],
                  b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the least squares of ``a x - b`` without negative entries.

    Columns with a negative entry leave one by one, the most negative first.
    """
    scale = np.abs(a).max(0)
    scale[scale == 0] = 1
    used, found = list(range(a.shape[1])), np.zeros(a.shape[1])
    while used:
        values = np.linalg.lstsq(a[:, used] / scale[used], b, rcond=None)[0]
        if values.min() >= 0:
            found[used] = values
            break
        used.pop(int(values.argmin()))
    return found / scale
