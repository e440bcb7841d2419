"""Finds outputs of a network that are NaN because of pixels that are."""
import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from .call import call


class NaNPattern:
    """Finds the effect of pixels that are no numbers on a dense network's outputs.

    In a dense layer they reach outputs through pruned weights, too: 0 times NaN is NaN. The kernel
    skips those. This copy of the network has zeros for weights, a single stored number each, and
    so gives NaN wherever the dense network does. (Infinite pixels count as NaN: there is a pruned
    weight on nearly every way.)

    Args:
        model (nn.Module): A whole network, before it is made sparse.
    """

    def __init__(self, model: nn.Module):
        memo: dict[int, Any] = {id(p): nn.Parameter(_one_number(p), requires_grad=False)
                                for p in model.parameters()}
        memo.update({id(b): _one_number(b) for b in model.buffers()})
        self.model = copy.deepcopy(model, memo)
        self.model.eval()

    def __deepcopy__(self, memo: dict) -> 'NaNPattern':
        return self  # nothing changes it

    def onto(self, outputs: Any, images: Tensor) -> Any:
        """Return ``outputs`` of the images with NaN where the dense network has it."""
        found, form = tree_flatten(outputs)
        marks = tree_flatten(call(self.model, images))[0]
        return tree_unflatten([
            x.masked_fill(mark.isnan(), torch.nan) if isinstance(x, Tensor) and
            x.is_floating_point() else x for x, mark in zip(found, marks, strict=True)], form)


def _one_number(x: Tensor) -> Tensor:
    """Return zeros of the shape of ``x`` in the memory of one."""
    kind = torch.float32 if x.is_floating_point() else x.dtype
    return torch.zeros((), dtype=kind, device='cpu').expand(x.shape)
