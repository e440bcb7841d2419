"""Defines the effect of pooling, sums and means on labels of channels."""
from typing import Any

from torch import Tensor

from ..couplings import Couplings
from ..planes import Plane, varying
from .rule import PlanesOf


def pool(couplings: Couplings, planes_of: PlanesOf, x: Tensor, *rest: Any,
           **_: Any) -> list[Plane]:
    """Return the planes of a function that mixes or resizes height and width alone."""
    for tensor in rest:
        for plane in planes_of(tensor):
            couplings.keep(plane)
    found: list[Plane] = []
    spatial = set(range(x.dim() - 2, x.dim()))
    for plane in planes_of(x):
        (couplings.keep if varying(plane) & spatial else found.append)(plane)
    return found


def reduce(couplings: Couplings, planes_of: PlanesOf, x: Tensor, dim: Any = None,
            keepdim: bool = False, *, total: bool = False, **_: Any) -> list[Plane]:
    """Return the planes of a sum or a mean over dimensions.

    A sum does not change without a channel of zeros; a mean changes with the number of channels.
    """
    dims = range(x.dim()) if dim is None or dim == [] else [dim] if isinstance(dim, int) else dim
    gone = {d % x.dim() for d in dims} if x.dim() else set()
    found = []
    for plane in planes_of(x):
        inside = varying(plane) & gone
        if inside and not (varying(plane) - gone or total):
            couplings.keep(plane)
        for d in inside if varying(plane) - gone else ():
            couplings.unite(plane, d)
        for d in gone:
            plane = plane.narrow(d, 0, 1)
        found.append(plane if keepdim else plane[tuple(
            0 if d in gone else slice(None) for d in range(x.dim()))])
    return [plane for plane in found if varying(plane)]


def add(*args: Any, **kwargs: Any) -> list[Plane]:
    """Return the planes of a sum."""
    kwargs.pop('dtype', None)
    return reduce(*args, total=True, **kwargs)
