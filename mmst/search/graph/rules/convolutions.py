"""Defines the effect of convolutions on labels of channels."""
from typing import Any

import torch
from torch import Tensor

from ..couplings import Couplings
from ..planes import Plane, varying
from .rule import PlanesOf, along, channel_plane


def convolution(couplings: Couplings, planes_of: PlanesOf, x: Tensor, weight: Tensor,
                bias: Tensor | None, stride: Any, padding: Any, dilation: Any, transposed: bool,
                output_padding: Any, groups: int) -> list[Plane]:
    """Join input channels with the weight's; channels of one group go together."""
    at = x.dim() - weight.dim() + 1
    channels = x.shape[at]
    source = channel_plane(planes_of(x), x.dim(), at, channels, couplings)
    sides: list[Tensor] = [torch.zeros(size, dtype=torch.long) for size in weight.shape[:2]]
    for plane in planes_of(weight):
        where = varying(plane)
        if where == {0} or where == {1}:
            sides[min(where)] = plane.flatten()
        else:
            couplings.keep(plane)
    first, second = sides
    if groups == 1:
        into, out = (first, second) if transposed else (second, first)
        couplings.join(source, into)
    elif transposed:
        couplings.join(source, first)
        inside = first.view(groups, -1)
        couplings.unite(inside, 1)
        out = inside[:, 0].repeat_interleave(weight.shape[1])
        couplings.keep(second)
    else:
        couplings.keep(second)
        inside, outside = source.view(groups, -1), first.view(groups, -1)
        couplings.unite(inside, 1)
        couplings.unite(outside, 1)
        couplings.join(inside[:, 0], outside[:, 0])
        out = first
    if bias is not None:
        couplings.join(out, channel_plane(planes_of(bias), 1, 0, len(out), couplings))
    return along(out, x.dim(), at)
