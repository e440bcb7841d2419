"""Defines the effect of normalisations on labels of channels."""
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..couplings import Couplings
from ..planes import Plane, varying
from .rule import PlanesOf, along, channel_plane


def batch_norm(couplings: Couplings, planes_of: PlanesOf, x: Tensor, *rest: Any) -> list[Plane]:
    """Join channels with their statistics, scales and biases."""
    labels = channel_plane(planes_of(x), x.dim(), 1, x.shape[1], couplings)
    for tensor in rest[:4]:
        if isinstance(tensor, Tensor):
            couplings.join(labels, channel_plane(planes_of(tensor), 1, 0, len(labels), couplings))
    return along(labels, x.dim(), 1)


def group_norm(couplings: Couplings, planes_of: PlanesOf, x: Tensor,
               weight: Tensor | None, bias: Tensor | None, n: int, c: int, hw: int, groups: int,
               eps: float) -> list[Plane]:
    """Unite the channels of each group: one mean depends on all of them."""
    labels = channel_plane(planes_of(x), x.dim(), 1, x.shape[1], couplings)
    couplings.unite(labels.view(groups, -1), 1)
    for tensor in (weight, bias):
        if tensor is not None:
            couplings.join(labels, channel_plane(planes_of(tensor), 1, 0, len(labels), couplings))
    if groups == 1:
        couplings.keep(labels)
    return along(labels, x.dim(), 1)


def layer_norm(couplings: Couplings, planes_of: PlanesOf, x: Tensor, shape: Sequence[int],
               weight: Tensor | None = None, bias: Tensor | None = None,
               *_: Any) -> list[Plane]:
    """Keep channels that are normalised together: the others' means depend on each."""
    found: list[Plane] = []
    for plane in planes_of(x):
        inside = any(d >= x.dim() - len(shape) for d in varying(plane))
        (couplings.keep if inside else found.append)(plane)
    for tensor in (weight, bias):
        for plane in planes_of(tensor):
            couplings.keep(plane)
    return found


def normalise(couplings: Couplings, planes_of: PlanesOf, x: Tensor, dim: int,
               *_: Any) -> list[Plane]:
    """Join the channels that softmax and the like normalise together."""
    at = dim % max(x.dim(), 1)
    for plane in planes_of(x):
        if at in varying(plane):
            if varying(plane) == {at}:
                couplings.keep(plane)
            couplings.unite(plane, at)
    return list(planes_of(x))
