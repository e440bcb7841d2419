"""Defines the effect of matrix products on labels of channels."""
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..couplings import Couplings
from ..planes import Plane, combine, merge, varying
from .rule import PlanesOf


def product(couplings: Couplings, one: Sequence[Plane], other: Sequence[Plane],
            dims: int) -> list[Plane]:
    """Return the planes of (…, n, k) times (…, k, m), both with ``dims`` dimensions."""
    row, inner = dims - 2, dims - 1
    # The second one is looked at as (…, m, k): its inner dimension is then the last one, too.
    sides = [list(one), [p.transpose(-1, -2) for p in other]]
    out: list[list[Plane]] = [[], []]
    for i, planes in enumerate(sides):
        for plane in planes:
            where = varying(plane)
            partners = [p for p in sides[1 - i] if inner in varying(p)]
            if inner in where:
                if row in where or not partners:
                    couplings.keep(plane)
                for partner in partners:
                    if row not in varying(partner):
                        couplings.join(plane, partner)
                if where - {inner, row}:
                    couplings.unite(plane, inner)
                    out[i].append(plane.narrow(inner, 0, 1).narrow(row, 0, 1))
            else:
                out[i].append(plane)
    out[1] = [p.transpose(-1, -2) for p in out[1]]
    batch = set(range(row))
    for i, planes in enumerate(out):
        for plane in planes:
            if varying(plane) & batch:
                partners = [p for p in out[1 - i] if varying(p) & varying(plane) & batch]
                for partner in partners:
                    couplings.join(plane, partner)
                if not partners:
                    couplings.keep(plane)
    return merge([*out[0], *out[1]])


def matrix_product(couplings: Couplings, planes_of: PlanesOf, one: Tensor,
                   other: Tensor) -> list[Plane]:
    """Return the planes of a product of two matrices, or of stacks of them."""
    return product(couplings, planes_of(one), planes_of(other), one.dim())


def add_product(couplings: Couplings, planes_of: PlanesOf, added: Tensor, one: Tensor,
                  other: Tensor, **_: Any) -> list[Plane]:
    """Return the planes of a tensor plus a product of matrices."""
    planes = matrix_product(couplings, planes_of, one, other)
    shape = torch.Size([*one.shape[:-1], other.shape[-1]])
    return combine([(added.shape, planes_of(added)), (shape, planes)], couplings)


def attention(couplings: Couplings, planes_of: PlanesOf, query: Tensor, key: Tensor,
              value: Tensor, *rest: Any, attn_mask: Tensor | None = None,
              **_: Any) -> list[Plane]:
    """Return the planes of softmax(query key^T + mask) value."""
    turned = [p.transpose(-1, -2) for p in planes_of(key)]
    scores = product(couplings, planes_of(query), turned, query.dim())
    mask = attn_mask if attn_mask is not None else next(
        (r for r in rest if isinstance(r, Tensor)), None)
    if mask is not None:
        shape = torch.Size([*query.shape[:-1], key.shape[-2]])
        scores = combine([(shape, scores), (mask.shape, planes_of(mask))], couplings)
    return product(couplings, scores, planes_of(value), query.dim())
