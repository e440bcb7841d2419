"""Trains two-in-one in this project's form without a Runner, with the parts that the hooks use."""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mmst.engine import MaskedOptimWrapper, WarmupEMA
from mmst.pruning.prunable import PRUNABLE
from mmst.search.penalty import L1Penalty


class ForeachTraining:
    """Takes training steps: penalty as a sub-gradient, masks after the step, averages in one call.

    Args:
        model (nn.Module): A network in any form.
        scales, costs: Importance factors and their relative costs.
        loss (Callable): ``loss(model, batch)``, a scalar.
        optimizer (Callable): Makes an optimizer of parameter groups.
        rho, weight_decay, decay: As in ``PublishedTraining``.
        masks (Dict[nn.Parameter, Tensor], optional): Bool tensors, True where pruned.
    """

    def __init__(self, model: nn.Module, scales: Sequence[nn.Parameter], costs: Sequence[Tensor],
                 loss: Callable, optimizer: Callable, rho: float = 1.4e-4,
                 weight_decay: float = 1e-5, decay: float = 0.9999,
                 masks: dict[nn.Parameter, Tensor] | None = None):
        self.model, self.loss = model, loss
        self.wrapper = MaskedOptimWrapper(
            optimizer=optimizer(decay_groups(model, weight_decay)))
        self.wrapper.penalty = L1Penalty(scales, costs, rho)
        self.wrapper.set_masks(masks or {})
        self.ema = WarmupEMA(model, momentum=1 - decay)
        self.ema.steps += 10**6  # past its warm-up

    def step(self, batch) -> None:
        """Take one step."""
        self.wrapper.update_params(self.loss(self.model, batch))
        self.average()

    def average(self) -> None:
        """Move the averages."""
        self.ema.update_parameters(self.model)


def decay_groups(model: nn.Module, weight_decay: float) -> list:
    """Return the weight decay on weights of convolutions and linears only, in two groups."""
    weights = {id(m.weight) for m in model.modules() if isinstance(m, PRUNABLE)}
    groups = ([], [])
    for p in model.parameters():
        groups[id(p) not in weights].append(p)
    return [dict(params=groups[0], weight_decay=weight_decay),
            dict(params=groups[1], weight_decay=0.)]


def all_masks(model: nn.Module, share: float = 0.5,
              parts: Sequence[str] = ('backbone', 'neck')) -> dict[nn.Parameter, Tensor]:
    """Return a mask for each prunable weight: True (pruned) for a random share."""
    return {m.weight: torch.rand(m.weight.shape).to(m.weight.device) < share for part in parts
            for m in getattr(model, part).modules() if isinstance(m, PRUNABLE)}
