"""Holds the common part of all rules: their type, and labels along one dimension."""
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..couplings import Couplings
from ..planes import Plane, varying

#: Returns the planes of a tensor.
PlanesOf = Callable[[Any], Sequence[Plane]]
#: Couples labels as one function of torch does, and returns the planes of its result.
Rule = Callable[..., list[Plane]]


def channel_plane(planes: Sequence[Plane], dims: int, at: int, number: int,
                  couplings: Couplings) -> Tensor:
    """Return the labels along dimension ``at``, (number,), 0 where there are none.

    Channels of all other planes are kept.
    """
    found = torch.zeros(number, dtype=torch.long)
    for plane in planes:
        if varying(plane) == {at}:
            found = plane.flatten()
        else:
            couplings.keep(plane)
    return found


def along(labels: Tensor, dims: int, at: int) -> list[Plane]:
    """Return the plane of labels along dimension ``at``; none where no channel has a label."""
    shape = [1] * dims
    shape[at] = len(labels)
    return [labels.view(shape)] if len(labels) > 1 and bool(labels.any()) else []
