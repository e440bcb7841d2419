"""Keeps living weights, and the tensors that follow them, to a mask."""
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor, nn

from ..search.walk import parameters_named
from .large import in_one
from .mask import Mask
from .reactivation import PruneState, zero


class MaskHolder(Protocol):
    """Holds pruned weights at 0 from step to step, as the optimizer wrapper does."""
    masks: PruneState
    returned: PruneState

    def set_masks(self, pruned: dict[nn.Parameter, Tensor], keep_values: bool = False) -> None:
        """Put masks (True where pruned) in force."""

    def lift_masks(self) -> None:
        """Let pruned weights train again."""


class Averages(Protocol):
    """Averages returned weights over the time since their return."""

    def begin(self, weights: Mapping[str, nn.Parameter], returned: PruneState) -> None:
        """Follow the weights that have returned now."""

    def end(self) -> None:
        """Stop following weights."""


class MaskInForce:
    """Puts masks in force on a network's weights and their averages, and lifts them.

    Made again at each use: searches change which weights there are.

    Args:
        find_weights (Callable): Gives the prunable weights by parameter name. It is called where
            they are needed, once.
        holder (MaskHolder): The optimizer wrapper.
        averaged (nn.Module, optional): The moving average of the network.
        averages (Averages, optional): Corrects the averages of weights that return.
        keep_values (bool): Remember pruned weights for their revival. Defaults to False.
    """

    def __init__(self, find_weights: Callable[[], dict[str, nn.Parameter]], holder: MaskHolder,
                 averaged: nn.Module | None = None, averages: Averages | None = None,
                 keep_values: bool = False):
        self.find_weights, self.holder = find_weights, holder
        self.averaged, self.averages = averaged, averages
        self.keep_values = keep_values

    @cached_property
    def weights(self) -> dict[str, nn.Parameter]:
        """Return the prunable weights by parameter name."""
        return self.find_weights()

    @property
    def copies(self) -> dict[str, Tensor]:
        """Return the averaged weights by parameter name; empty without an average."""
        if self.averaged is None:
            return {}
        return dict(parameters_named(self.averaged, self.weights))

    @property
    def mask(self) -> Mask | None:
        """Return the mask in force, or None while weights are reactivated."""
        masks = self.holder.masks
        if not masks:
            return None
        return _others({name: masks[w]['pruned'] for name, w in self.weights.items()
                        if w in masks})

    @torch.no_grad()
    def put(self, mask: Mask) -> None:
        """Put ``mask`` in force: pruned weights are 0 at once, the averaged ones too."""
        pruned = _others({name: kept.to(self.weights[name].device)
                          for name, kept in mask.items()})
        self.holder.set_masks({self.weights[name]: own for name, own in pruned.items()},
                              keep_values=self.keep_values)
        if self.averages is not None:
            self.averages.end()
        copies = self.copies
        together = []
        for name in mask if copies else ():
            weight, copy = self.weights[name], copies[name]
            state = self.holder.masks[weight]
            if copy.device == weight.device:
                together.append((copy, state))
            else:
                copy.masked_fill_(state['pruned'].to(copy.device), 0)
        zero(together)

    def lift(self) -> int | None:
        """Reactivate all pruned weights.

        Returns:
            int, optional: Their number; None where no mask is in force.
        """
        mask = self.mask
        if mask is None:
            return None
        revived = mask.pruned
        self.holder.lift_masks()
        if self.averages is not None:
            self.averages.begin(self.weights, self.holder.returned)
        return revived

    def returned_mask(self) -> Mask:
        """Return the mask that was lifted last, for those of its weights that are left."""
        returned = self.holder.returned
        return _others({name: returned[w]['returned'] for name, w in self.weights.items()})


def _others(mask: Mapping[str, Tensor]) -> Mask:
    """Return the mask of the entries that are not in ``mask``."""
    return Mask(dict(zip(mask, in_one(torch.logical_not, list(mask.values())), strict=True)))
