"""Defines the effect of functions that move entries on labels of channels."""
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..couplings import Couplings
from ..planes import Plane, combine, compact, varying
from .rule import PlanesOf


def pad_planes(couplings: Couplings, planes_of: PlanesOf, x: Tensor, pad: Sequence[int],
           *_: Any) -> list[Plane]:
    """Return the planes of a padded tensor: its border has no channel of its own."""
    found = []
    for plane in planes_of(x):
        own = list(pad)
        for i in range(len(pad) // 2):
            if plane.shape[x.dim() - 1 - i] == 1:
                own[2 * i] = own[2 * i + 1] = 0
        found.append(torch.constant_pad_nd(plane, own))
    return found


def concatenate(couplings: Couplings, planes_of: PlanesOf, tensors: Sequence[Tensor],
                 dim: int = 0) -> list[Plane]:
    """Return the planes of tensors one after the other along a dimension."""
    tensors = [t for t in tensors if t.dim() > 1 or t.numel()]
    dims = tensors[0].dim()
    at = dim % dims
    along, across = [], []
    for tensor in tensors:
        own = [p for p in planes_of(tensor) if at in varying(p)]
        for extra in own[1:]:
            couplings.keep(extra)
        along.append(own[0] if own else torch.zeros((1, ) * dims, dtype=torch.long))
        others = [p for p in planes_of(tensor) if at not in varying(p)]
        # Along `at` they are all alike: compared as if of one size there.
        shape = [1 if d == at else size for d, size in enumerate(tensor.shape)]
        across.append((torch.Size(shape), others))
    shape = torch.broadcast_shapes(*[
        [1 if d == at else size for d, size in enumerate(plane.shape)] for plane in along])
    parts = [plane.expand([tensor.shape[at] if d == at else shape[d] for d in range(dims)])
             for tensor, plane in zip(tensors, along, strict=True)]
    joint = compact(torch.cat(parts, at))
    return [*([joint] if varying(joint) else []), *combine(across, couplings)]


def move(couplings: Couplings, planes_of: PlanesOf, func: Callable[..., Any], x: Tensor,
          args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[list[Plane]]:
    """Run functions that move entries on the labels; return the planes of each result."""
    found: list[list[Plane]] = []
    if getattr(func, '_overloadpacket', None) in (torch.ops.aten.view, torch.ops.aten._unsafe_view):
        func = torch.reshape  # labels may lie in memory otherwise
    for plane in planes_of(x):
        results = func(plane.expand(x.shape), *args, **kwargs)
        results = list(results) if isinstance(results, (tuple, list)) else [results]
        found = found or [[] for _ in results]
        planes = [compact(result) for result in results]
        for own, new in zip(found, planes, strict=True):
            if len(varying(new)) > len(varying(plane)):
                couplings.rectangle(new.squeeze())
            if varying(new):
                own.append(new)
            if getattr(func, '_overloadpacket', None) is torch.ops.aten.slice:
                _equal_parts(couplings, plane, new)
        if len(planes) > 1 and len({p.shape for p in planes}) == 1 and varying(planes[0]):
            # Equal parts, of which every one has to keep the size of the others.
            couplings.rectangle(torch.stack(planes).squeeze())
    return found


def _equal_parts(couplings: Couplings, plane: Plane, part: Plane) -> None:
    """Couple the parts of a half, a third, …: a slice stays that share of its tensor."""
    for dim in varying(plane):
        whole, size = plane.shape[dim], part.shape[dim]
        if 1 < size < whole and whole % size == 0:
            parts = plane.transpose(dim, 0).reshape(whole // size, size, -1)
            couplings.rectangle(parts.squeeze(-1))
