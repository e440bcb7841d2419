"""Prunes by the change of each layer's outputs, and lets the weights that stay make up for it."""
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from mmengine import dist
from torch import Tensor, nn

from ...registry import CRITERIA
from ...settings.checks import check_number
from ..brain_compression import compensate, dampen, removal_losses
from ..input_hessians import InputHessian, watch_inputs
from .base import Criterion


@CRITERIA.register_module('obc')
class OptimalBrainCompression(Criterion):
    """Scores by the error that a weight's removal makes in its layer's outputs; one shot.

    It looks at training images, removes the weights whose loss the others of their row can best
    make up for, and changes those others by the closed form (Frantar and Alistarh, NeurIPS 2022).
    A layer's errors count as shares of its outputs' energy, so that layers can be compared. In a
    run the last prune is by this criterion, those before are by magnitude: it is the first that
    reaches the target with no reactivation to come. Layers other than linear ones, convolutions
    and ``nn.MultiheadAttention`` are scored as if their inputs were independent, and stay as they
    are.

    Args:
        batches (int): Training batches on each rank. Defaults to 100.
        damping (float): Share of the mean diagonal that is added to each Hessian, 0.01 or above.
            Defaults to 0.01.
    """
    needs_inputs = True
    only_last = True

    def __init__(self, batches: int = 100, damping: float = 0.01):
        self.batches = check_number('criterion.batches', batches, low=1, whole=True,
                                    remedy='use 100')
        # Below that the elimination of a smooth layer's inputs has too few digits.
        self.damping = check_number('criterion.damping', damping, low=0.01, below=1,
                                    remedy='use 0.01')
        self._inputs: dict[str, InputHessian] = {}

    @torch.no_grad()
    def observe(self, model: nn.Module, weights: Mapping[str, Tensor],
                run: Callable[[], Any]) -> None:
        with watch_inputs(model, weights) as self._inputs:
            run()
        for name, inputs in self._inputs.items():
            seen = torch.tensor(inputs.seen, device=weights[name].device)
            for block in (seen, *inputs.blocks):
                dist.all_reduce(block)
            inputs.seen = int(seen)

    @torch.no_grad()
    def score(self, weights: Mapping[str, Tensor],
              gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: self._losses(name, weight.detach()) for name, weight in weights.items()}

    @torch.no_grad()
    def update(self, weights: Mapping[str, Tensor], kept: Mapping[str, Tensor]) -> None:
        for name, weight in weights.items():
            # In rows: a weight may lie in memory in another order (channels_last).
            rows = weight.detach().contiguous()
            for (part, mask), hessian, _ in self._parts(name, rows, kept[name].contiguous()):
                part.copy_(compensate(part.float(), hessian, mask))
            weight.copy_(rows)

    def _losses(self, name: str, weight: Tensor) -> Tensor:
        """Return the loss of each weight, as a share of the energy of the layer's outputs."""
        weight = weight.float().contiguous()
        weight = weight / (float(weight.abs().max()) or 1.)  # no square is too small for a number
        if name not in self._inputs or not self._inputs[name].seen:
            return weight.square() / (float(weight.square().sum()) or 1.)
        found = torch.zeros_like(weight)
        # Weights whose inputs are always 0 change nothing, with or without damping.
        energy = sum(float(((part * acts @ hessian) * part * acts).sum())
                     for (part, ), hessian, acts in self._parts(name, weight))
        for (part, scores), hessian, acts in self._parts(name, weight, found):
            # Losses divided afterwards would be equal where they follow one another closely.
            scores.copy_(removal_losses(part * acts / (energy or 1.)**0.5, hessian) * acts)
        return found

    def _parts(self, name: str, *tensors: Tensor) -> Iterator[tuple[list[Tensor], Tensor, Tensor]]:
        """Yield views (groups, rows, d) of contiguous tensors of a weight's shape, the Hessian
        (groups, d, d) of their inputs, and which inputs (groups, 1, d) ever acted, of one block of
        inputs after the other; nothing of a weight whose inputs were not seen.

        A layer's Hessians have the mean 1 on their diagonals, whatever its inputs' scale.
        """
        inputs = self._inputs.get(name)
        if inputs is None or not inputs.seen:
            return
        views = [tensor.view(inputs.groups, -1, inputs.length) for tensor in tensors]
        start, mean = 0, inputs.mean_square or 1.
        for block in inputs.blocks:
            width = block.shape[-1]
            acts = block.diagonal(dim1=-2, dim2=-1)[:, None] != 0
            yield ([view[..., start:start + width] for view in views],
                   dampen(block / mean, self.damping), acts)
            start += width
