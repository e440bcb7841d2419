"""Defines the effect of turning channels into pixels, and pixels into channels, on labels."""
from torch import Tensor

from ..couplings import Couplings
from ..planes import Plane
from .rule import PlanesOf, along, channel_plane


def shuffle(couplings: Couplings, planes_of: PlanesOf, x: Tensor, factor: int) -> list[Plane]:
    """Join the channels that become pixels of one channel."""
    at = x.dim() - 3
    labels = channel_plane(planes_of(x), x.dim(), at, x.shape[at], couplings)
    parts = labels.view(-1, factor**2)
    couplings.unite(parts, 1)
    return along(parts[:, 0], x.dim(), at)


def unshuffle(couplings: Couplings, planes_of: PlanesOf, x: Tensor, factor: int) -> list[Plane]:
    """Return the planes of channels that are pixels of a channel each."""
    at = x.dim() - 3
    labels = channel_plane(planes_of(x), x.dim(), at, x.shape[at], couplings)
    return along(labels.repeat_interleave(factor**2), x.dim(), at)
