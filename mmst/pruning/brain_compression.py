"""Removes weights of linear maps so that their outputs change least (optimal brain compression).

A row w of weights maps inputs x; with H = Σ x xᵀ over calibration inputs, a row v in its place
changes the outputs by (w - v)ᵀ H (w - v) in all (Frantar and Alistarh, "Optimal Brain Compression",
NeurIPS 2022, Sec. 4). All functions take many rows at once, in groups of one Hessian each.
"""
import torch
from torch import Tensor

#: Bytes of the inverse Hessians that are worked on at a time: they fit a processor's cache.
ROOM = 1 << 23
#: Least pivot: rounding may leave none of an input that follows from the others.
_TINY = 1e-30


def dampen(hessian: Tensor, share: float = 0.01) -> Tensor:
    """Return (..., d, d) with ``share`` of its mean diagonal added, and so invertible.

    A Hessian of zeros, of inputs that never act, becomes that share of the unit matrix.
    """
    mean = hessian.diagonal(dim1=-2, dim2=-1).mean(-1)
    mean = torch.where(mean > 0, mean, torch.ones_like(mean))
    eye = torch.eye(hessian.shape[-1], dtype=hessian.dtype, device=hessian.device)
    return hessian + share * mean[..., None, None] * eye


def removal_losses(weights: Tensor, hessian: Tensor) -> Tensor:
    """Return the error that removing each weight makes while the others compensate, cheapest first.

    A weight's loss is that of its removal after all cheaper ones; a later one always has more, so
    that pruning the lowest losses removes weights in the greedy order (paper, Algorithm 1).

    Args:
        weights (Tensor): (groups, rows, d).
        hessian (Tensor): (groups, d, d), positive definite, of all rows of a group.

    Returns:
        Tensor: (groups, rows, d).
    """
    inverse = torch.linalg.inv(hessian)
    return torch.cat([_greedy(rows, inverse) for rows in _chunks(weights)], 1)


def compensate(weights: Tensor, hessian: Tensor, kept: Tensor) -> Tensor:
    """Return the rows of least output error whose other weights are 0.

    With S the kept weights: v_S = (H_SS)⁻¹ (H w)_S, in closed form.

    Args:
        weights (Tensor): (groups, rows, d).
        hessian (Tensor): (groups, d, d), positive definite, of all rows of a group.
        kept (Tensor): (groups, rows, d) bool.
    """
    parts = zip(_chunks(weights), _chunks(kept), strict=True)
    return torch.cat([_solve(rows, hessian, some) for rows, some in parts], 1)


def _chunks(rows: Tensor) -> tuple[Tensor, ...]:
    groups, _, width = rows.shape
    size = max(1, ROOM // max(1, 4 * groups * width * width))
    parts: tuple[Tensor, ...] = rows.split(size, 1)
    return parts


def _greedy(weights: Tensor, inverse: Tensor) -> Tensor:
    """Remove one weight of each row after the other.

    The inverse Hessian without the weights removed so far is H⁻¹ - C Cᵀ; of it only the diagonal
    and the next weight's column are computed, so that a row takes d³ / 2 products in all.
    """
    groups, rows, width = weights.shape
    shape = (groups, rows, 1)
    group = torch.arange(groups, device=weights.device)[:, None].expand(groups, rows)
    weights, losses = weights.clone(), torch.zeros_like(weights)
    gone = torch.zeros_like(weights, dtype=torch.bool)
    diagonal = inverse.diagonal(dim1=-2, dim2=-1)[:, None].repeat(1, rows, 1)
    columns = weights.new_zeros(groups, rows, width, width)
    highest = weights.new_zeros(shape)
    for step in range(width):
        found = (weights.square() / diagonal.clamp_min(_TINY)).masked_fill(gone, float('inf'))
        loss, place = found.min(-1, keepdim=True)
        highest = torch.maximum(torch.nextafter(highest, loss.new_tensor(float('inf'))), loss)
        losses.scatter_(-1, place, highest)
        gone.scatter_(-1, place, True)
        past = columns[:, :, :step]
        own = past.gather(-1, place[..., None].expand(groups, rows, step, 1))
        column = inverse[group, place[..., 0]] - (own.transpose(-1, -2) @ past)[:, :, 0]
        pivot = diagonal.gather(-1, place).clamp_min(_TINY)
        weights -= column * (weights.gather(-1, place) / pivot)
        column = column / pivot.sqrt()
        columns[:, :, step] = column
        diagonal -= column.square()
    return losses


def _solve(weights: Tensor, hessian: Tensor, kept: Tensor) -> Tensor:
    one = kept.to(weights.dtype)
    target = (weights @ hessian) * one
    system = hessian[:, None] * one[..., :, None] * one[..., None, :] + torch.diag_embed(1 - one)
    found: Tensor = torch.linalg.solve(system, target[..., None])
    return found[..., 0] * one
