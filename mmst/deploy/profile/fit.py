"""Finds the cost of each thing of a module's work from measured times."""
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ...costs.latency.table import ONCE, Entry
from ...costs.latency.work import Counts, names_of

#: Milliseconds below which a module's time matters to nobody.
LEAST = 1e-3


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


def fit_network(sums: Sequence[float], wholes: Sequence[float]) -> tuple[float, float]:
    """Return ``overhead`` and ``factor`` of networks from the sums of their modules' times."""
    y = np.array(wholes)
    overhead, factor = _not_negative(np.stack([np.ones(len(sums)), np.array(sums)], 1), y, 1 / y)
    return float(f'{overhead:.5g}'), float(f'{factor:.5g}')


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
