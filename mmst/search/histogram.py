"""Counts the importances of a network's units in fixed bins."""
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from .unit_group import UnitGroup

#: Bins of equal width in log10 |γ|. Values outside count in the first or the last one.
LOWEST, HIGHEST, BINS = -6., 1., 35
#: Kernel size, 0 for tokens, to the number of units in each bin.
Histogram = dict[int, list[int]]


def edges() -> list[float]:
    """Return the lower ends of the bins and the upper end of the last one, as |γ|."""
    return [10**(LOWEST + i * (HIGHEST - LOWEST) / BINS) for i in range(BINS + 1)]


@torch.no_grad()
def importance_histogram(groups: Mapping[str, UnitGroup],
                         importance: Mapping[str, Tensor]) -> Histogram:
    """Return units per bin of importance, for each kernel size and for tokens.

    Args:
        groups (Mapping[str, UnitGroup]): Of ``find_units``.
        importance (Mapping[str, Tensor]): |γ| of each group's units, 1-D and finite.
    """
    if not groups:
        return {}
    values = torch.cat([importance[name] for name in groups])
    sizes = np.concatenate([np.array(group.kernel_sizes, np.int64) for group in groups.values()])
    labels = torch.from_numpy(sizes).to(values.device)
    return {label: _counts(values[labels == label]) for label in labels.unique().tolist()}


def quantile(counts: list[int], share: float) -> float:
    """Return |γ| below which ``share`` of the units lie, to within a bin; nan of none."""
    reached, wanted = 0, share * sum(counts)
    for edge, count in zip(edges()[1:], counts, strict=True):
        reached += count
        if count and reached >= wanted:
            return edge
    return float('nan')


def _counts(importance: Tensor) -> list[int]:
    exponent = importance.float().clamp(min=1e-30).log10()
    index = ((exponent - LOWEST) / (HIGHEST - LOWEST) * BINS).floor().long()
    return torch.bincount(index.clamp(0, BINS - 1), minlength=BINS).tolist()
