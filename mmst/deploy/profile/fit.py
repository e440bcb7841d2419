"""Finds the cost of each thing of a module's work from measured times."""
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ...costs.latency.table import ONCE, Entry, LatencyTable
from ...costs.latency.work import CALLS, TOKENS, Counts, names_of

#: Milliseconds below which a module's time matters to nobody.
LEAST = 1e-3
#: Kinds of work whose costs differ from one place to another, each by a factor of its own.
PARTS = ('once', 'tokens', 'channels')


def fit_entry(kind: str, works: Sequence[Counts], times: Sequence[float]) -> Entry:
    """Return the costs with which a module's times come nearest to those that were measured.

    No cost is negative. Squares of differences count in relation to the time itself.

    Args:
        kind (str): Of the module.
        works (Sequence[Counts]): Its work in several networks.
        times (Sequence[float]): Its milliseconds in them.
    """
    names = [name for name in names_of(works) if any(counts.get(name) for counts in works)]
    rows = np.array([[1., *(counts.get(name, 0.) for name in names)] for counts in works])
    y = np.array(times, float)
    found = _not_negative(rows, y, 1 / np.sqrt(np.maximum(y, LEAST)))
    entry = Entry(kind, {name: float(f'{value:.5g}') for name, value in
                         zip([ONCE, *names], found, strict=True) if value > 0})
    wrong = [entry.milliseconds(counts) / max(time, LEAST) - 1
             for counts, time in zip(works, times, strict=True)]
    return Entry(kind, entry.ms, float(f'{np.sqrt(np.mean(np.square(wrong))):.3g}'))


def fit_network(table: LatencyTable, works: Sequence[Mapping[str, Counts]],
                wholes: Sequence[float]) -> LatencyTable:
    """Return the table with the times of networks beyond their modules.

    Args:
        table (LatencyTable): Without it.
        works (Sequence[Mapping[str, Counts]]): Path to work, of each network.
        wholes (Sequence[float]): Milliseconds of each network.
    """
    y, sums = np.array(wholes), np.array([table.milliseconds(own) for own in works])
    overhead, factor = _not_negative(np.stack([np.ones(len(y)), sums], 1), y, 1 / y)
    return replace(table, overhead=float(f'{overhead:.5g}'), factor=float(f'{factor:.5g}'))


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
    overhead, *factors = _not_negative(np.column_stack([np.ones(len(y)), sums]), y, 1 / y)
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


def _not_negative(rows: npt.NDArray[np.float64], y: npt.NDArray[np.float64],
                  weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the weighted least squares without negative entries.

    Columns with a negative entry leave one by one, the most negative first.
    """
    scale = np.abs(rows).max(0)
    scale[scale == 0] = 1
    a, b = rows / scale * weights[:, None], y * weights
    used, found = list(range(rows.shape[1])), np.zeros(rows.shape[1])
    while used:
        values = np.linalg.lstsq(a[:, used], b, rcond=None)[0]
        if values.min() >= 0:
            found[used] = values
            break
        used.pop(int(values.argmin()))
    return found / scale
