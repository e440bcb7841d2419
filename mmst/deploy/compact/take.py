"""Takes channels, or tokens, as runs: converters of exported networks know slices better than
gathering (pnnx, LiteRT, ExecuTorch).
"""
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F


def runs(index: Sequence[int]) -> list[tuple[int, int]] | None:
    """Return begin and end of each run of an index, in its order; None where entries repeat."""
    if not index or len(set(index)) < len(index):
        return None
    breaks = [i + 1 for i, (a, b) in enumerate(pairwise(index)) if b != a + 1]
    return [(index[begin], index[end - 1] + 1) for begin, end in pairwise([0, *breaks, len(index)])]


def take(x: Tensor, index: Sequence[int]) -> Tensor:
    """Return entries of axis 1, as ``x[:, index]``."""
    found = runs(index)
    if found is None:
        return x.index_select(1, torch.tensor(list(index), dtype=torch.long, device=x.device))
    parts = [x if end - begin == x.shape[1] else x[:, begin:end] for begin, end in found]
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)


def put(x: Tensor, index: Sequence[int], width: int) -> Tensor:
    """Return ``width`` entries of axis 1, of which entry ``index[j]`` is j and the others are 0."""
    padded = F.pad(x, [0, 0] * (x.dim() - 2) + [width - len(index), 0])
    return take(padded, order_of_put(index, width))


def order_of_put(index: Sequence[int], width: int) -> list[int]:
    """Return what :func:`put` takes where the zeros come first."""
    there = {entry: width - len(index) + j for j, entry in enumerate(index)}
    zeros = iter(range(width - len(index)))
    return [there[i] if i in there else next(zeros) for i in range(width)]
