"""Drawing a mask from scores."""
from math import ceil
from typing import Dict, Mapping, Optional

import torch
from torch import Tensor

from ..errors import ConfigError
from .mask import Mask

SCOPES = ('global', 'layer')


def count_to_prune(total: int, ratio: float) -> int:
    """Weights to prune of ``total``: the first whole number that reaches ``ratio``."""
    return min(total, ceil(total * ratio - 1e-6))


def draw_mask(scores: Mapping[str, Tensor], ratio: float, scope: str = 'global',
              previous: Optional[Mask] = None) -> Mask:
    """Prune the lowest scores until the sparsity reaches ``ratio``, to within one weight.

    Ties go by position (parameter order, then index), so that every rank and every resumed run
    draws the same mask. With ``previous`` masks are monotone: what it prunes stays pruned, and
    counts first.

    Args:
        scores (Mapping[str, Tensor]): Parameter name to scores of the parameter's shape.
        ratio (float): Target sparsity in [0, 1).
        scope (str): ``'global'``: over all weights together (the paper); ``'layer'``: in each.
        previous (Mask, optional): Mask in force. Defaults to None.
    """
    if scope == 'layer':
        parts = [_draw({name: score}, ratio, previous) for name, score in scores.items()]
        return Mask({name: kept for part in parts for name, kept in part.items()})
    return Mask(_draw(scores, ratio, previous))


def _draw(scores: Mapping[str, Tensor], ratio: float,
          previous: Optional[Mask]) -> Dict[str, Tensor]:
    flat = torch.cat([score.detach().flatten().float() for score in scores.values()])
    if not bool(flat.isfinite().all()):
        raise ConfigError('pruning scores are not finite: training has diverged or the criterion '
                          'saw no usable batch. Remedy: resume from the last good checkpoint.')
    already = 0
    if previous is not None:
        gone = torch.cat([~previous[name].flatten() for name in scores]).to(flat.device)
        already = int(gone.sum())
        flat = flat.masked_fill(gone, float('-inf'))
    count = max(count_to_prune(flat.numel(), ratio), already)
    kept = ~lowest(flat, count)
    sizes = [score.numel() for score in scores.values()]
    return {name: part.view_as(score)
            for (name, score), part in zip(scores.items(), kept.split(sizes))}


def lowest(values: Tensor, count: int) -> Tensor:
    """Bool tensor that marks exactly ``count`` lowest entries of a 1-D tensor; ties by index."""
    if count <= 0:
        return torch.zeros_like(values, dtype=torch.bool)
    threshold = values.kthvalue(count).values
    chosen = values < threshold
    ties = torch.nonzero(values == threshold).flatten()
    chosen[ties[:count - int(chosen.sum())]] = True
    return chosen
