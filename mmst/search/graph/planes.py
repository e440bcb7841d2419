"""Labels the entries of a feature map by the channel with which they vanish."""
from collections.abc import Sequence

import torch
from torch import Tensor

from .couplings import Couplings

#: A tensor's labels along some of its dimensions: as many dimensions, of size 1 where the label is
#: the same all along. A tensor may have several, e.g. a weight one a dimension.
Plane = Tensor


def varying(plane: Plane) -> set[int]:
    """Return dimensions along which the labels differ."""
    return {d for d, size in enumerate(plane.shape) if size > 1}


def compact(full: Tensor) -> Plane:
    """Return a plane of labels that are given for each entry."""
    for dim, (size, stride) in enumerate(zip(full.shape, full.stride(), strict=True)):
        if size > 1:
            first = full.narrow(dim, 0, 1)
            if not stride or bool((full == first).all()):
                full = first
    return full


def align(plane: Plane, dims: int) -> Plane:
    """Return the plane of a tensor that is broadcast to more dimensions."""
    return plane[(None, ) * (dims - plane.dim())]


def merge(planes: Sequence[Plane]) -> list[Plane]:
    """Join planes that differ along a common dimension: one is enough."""
    found: list[Plane] = []
    for plane in planes:
        if not varying(plane):
            continue
        for other in [o for o in found if varying(o) & varying(plane)]:
            found = [o for o in found if o is not other]
            plane = torch.maximum(plane, other)
        found.append(plane)
    return found


def combine(operands: Sequence[tuple[torch.Size, Sequence[Plane]]],
            couplings: Couplings) -> list[Plane]:
    """Return the planes of an elementwise function's result.

    Args:
        operands (Sequence[Tuple[Size, Sequence[Plane]]]): Shape and planes of each.
        couplings (Couplings): Collects the labels that belong together.
    """
    dims = max((len(shape) for shape, _ in operands), default=0)
    shapes = [(1, ) * (dims - len(shape)) + tuple(shape) for shape, _ in operands]
    planes = [[align(p, dims) for p in found] for _, found in operands]
    for i, own in enumerate(planes):
        for plane in own:
            for j, shape in enumerate(shapes):
                at = varying(plane)
                if i == j or all(shape[d] == 1 for d in at):
                    continue
                partners = [p for p in planes[j] if varying(p) & at]
                for partner in partners:
                    couplings.join(plane, partner)
                if not partners:
                    couplings.keep(plane)
    return merge([plane for own in planes for plane in own])
