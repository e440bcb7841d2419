"""Averages weights as released (EMA), in foreach form."""
from itertools import chain

import torch
from mmengine.model import MomentumAnnealingEMA
from torch import Tensor, nn

from ...registry import MODELS
from ...search.copyable import copyable
from ...settings.checks import check_number


@MODELS.register_module()
class WarmupEMA(MomentumAnnealingEMA):
    """Averages with decay min(1 - momentum, (1 + n) / (10 + n)) at its n-th average, n from 0.

    mmengine's ``MomentumAnnealingEMA`` with ``gamma=9``, averaging all tensors at once: a loop over
    thousands of small tensors costs a good part of a training step. It holds the tensors
    themselves, whose objects outlive a change of shape.

    Args:
        model (nn.Module): The model to average.
        momentum (float): 1 minus the decay that is reached in the end.
        gamma (int): Defaults to 9.
        interval, device, update_buffers: As in ``ExponentialMovingAverage``; buffers are averaged
            by default.
    """

    def __init__(self, model: nn.Module, momentum: float, gamma: int = 9, interval: int = 1,
                 device: torch.device | None = None, update_buffers: bool = True):
        check_number('ema.momentum', momentum, above=0, below=1, remedy='use e.g. 1e-4')
        check_number('ema.gamma', gamma, low=1, whole=True, remedy='use 9')
        check_number('ema.interval', interval, low=1, whole=True, remedy='use 1')
        super().__init__(copyable(model), momentum, gamma, interval, device, update_buffers)
        self._pairs: tuple[list[Tensor], list[Tensor]] | None = None

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        if self.steps == 0 or not self.update_buffers or self.steps % self.interval:
            super().update_parameters(model)
            return
        if self._pairs is None:
            self._pairs = _floating(self.module), _floating(model)
        momentum = max(self.momentum, self.gamma / (self.gamma + self.steps.item()))
        torch._foreach_lerp_(*self._pairs, momentum)
        self.steps += 1


def _floating(model: nn.Module) -> list[Tensor]:
    return [t for t in chain(model.parameters(), model.buffers()) if t.is_floating_point()]
