"""Draws a mask from scores."""
from collections.abc import Mapping
from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import ConfigError
from .large import all_finite, count_true, join, lowest, split_like
from .mask import Mask
from .scope import group_of


def count_to_prune(total: int, ratio: float) -> int:
    """Return weights to prune of ``total``: the first whole number that reaches ``ratio``."""
    return min(total, ceil(total * ratio - 1e-6))


def draw_mask(scores: Mapping[str, Tensor], ratio: float, scope: str = 'global',
              previous: Mask | None = None) -> Mask:
    """Prune the lowest scores until the sparsity reaches ``ratio``, to within one weight.

    Ties go by position (parameter order, then index), so that every rank and every resumed run
    draws the same mask. With ``previous`` masks are monotone: weights that it prunes stay so, and
    counts first.

    Args:
        scores (Mapping[str, Tensor]): Parameter name to scores of the parameter's shape.
        ratio (float): Target sparsity in [0, 1).
        scope (str): ``'global'``: over all weights together (the paper); ``'layer'``: in each;
            ``'n:m'``, e.g. ``'2:4'``: in each group of m weights that follow one another in a row.
        previous (Mask, optional): Mask in force. Defaults to None.
    """
    if scope == 'layer':
        parts = [_draw({name: score}, ratio, previous) for name, score in scores.items()]
        return Mask({name: kept for part in parts for name, kept in part.items()})
    group = group_of(scope)
    if group is not None:
        kept = {} if previous is None else dict(previous)
        return Mask({name: draw_in_groups(score, ratio, group[1], kept.get(name))
                     for name, score in scores.items()})
    return Mask(_draw(scores, ratio, previous))


def draw_in_groups(score: Tensor, ratio: float, size: int,
                   previous: Tensor | None = None) -> Tensor:
    """Return kept weights of one parameter, of which every group of a row loses its share, rounded
    up.

    Args:
        score (Tensor): (rows, ...); the further dimensions are one row of weights.
        ratio (float): Share of each group to prune. The rest of a row after its last whole
            group is a group, too.
        size (int): Weights of a group.
        previous (Tensor, optional): Weights kept so far. Defaults to None: all.
    """
    rows = score.detach().flatten(1).float()
    check_scores(rows)
    size = max(min(size, rows.shape[1]), 1)  # Longer groups would hold what is not there.
    count = -(-rows.shape[1] // size)
    padding = (0, count * size - rows.shape[1])
    groups = F.pad(rows, padding, value=float('inf')).view(len(rows), count, size)
    sizes = [min(size, rows.shape[1] - i * size) for i in range(count)]
    wanted = torch.tensor([count_to_prune(n, ratio) for n in sizes], device=rows.device)
    if previous is not None:
        gone = F.pad(~previous.flatten(1).to(rows.device), padding).view_as(groups)
        groups = groups.masked_fill(gone, float('-inf'))
        wanted = torch.maximum(wanted, gone.sum(2))
    rank = groups.argsort(dim=2, stable=True).argsort(dim=2)
    kept = rank >= wanted.expand(len(rows), count)[..., None]
    return kept.flatten(1)[:, :rows.shape[1]].reshape(score.shape)


def _draw(scores: Mapping[str, Tensor], ratio: float,
          previous: Mask | None) -> dict[str, Tensor]:
    values = list(scores.values())
    alike = len({score.dtype for score in values}) == 1
    flat = join(values if alike else [score.float() for score in values]).detach().float()
    check_scores(flat)
    already = 0
    if previous is not None:
        gone = ~join([previous[name] for name in scores]).to(flat.device)
        already = count_true(gone)
        flat = flat.masked_fill(gone, float('-inf'))
    count = max(count_to_prune(flat.numel(), ratio), already)
    kept = ~lowest(flat, count)
    return dict(zip(scores, split_like(kept, list(scores.values())), strict=True))


def check_scores(scores: Tensor) -> None:
    if not all_finite(scores):
        raise ConfigError('pruning scores are not finite: training has diverged or the criterion '
                          'saw no usable batch. Remedy: resume from the last good checkpoint.')
