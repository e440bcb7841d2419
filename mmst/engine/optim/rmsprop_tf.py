"""Computes RMSProp as TensorFlow does."""
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...registry import OPTIMIZERS
from ...settings.checks import check_number


@OPTIMIZERS.register_module()
class RMSpropTF(Optimizer):
    """Computes RMSProp in TensorFlow's form, all tensors at once.

    v ← alpha · v + (1 - alpha) · g², b ← momentum · b + lr · g / √(v + eps), w ← w - b. Against
    ``torch.optim.RMSprop``: v starts at 1 rather than 0, eps lies inside the square root, and the
    learning rate enters the momentum, so that a change of it acts gradually.

    Args:
        params (Iterable): Parameters or parameter groups.
        lr (float): Learning rate. Defaults to 0.016.
        alpha (float): Of the average of squared gradients. Defaults to 0.9.
        momentum (float): 0 for none. Defaults to 0.9.
        eps (float): Defaults to 1e-3.
        weight_decay (float): Added to the gradient (an L2 term, not decoupled). Defaults to 0.
    """

    def __init__(self, params, lr: float = 0.016, alpha: float = 0.9, momentum: float = 0.9,
                 eps: float = 1e-3, weight_decay: float = 0.):
        settings = dict(lr=lr, alpha=alpha, momentum=momentum, eps=eps, weight_decay=weight_decay)
        for name, value in settings.items():
            share = name in ('alpha', 'momentum')
            check_number(f'optimizer.{name}', value, low=0, below=1 if share else None,
                         remedy='use 0 or above, for alpha and momentum also below 1')
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None  # type: ignore[override]
             ) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            grads = {p: p.grad for p in group['params'] if p.grad is not None}
            if grads:
                self._update(list(grads), list(grads.values()), group)
        return loss

    def _update(self, params: list[Tensor], grads: list[Tensor], group: dict[str, Any]) -> None:
        if group['weight_decay']:
            grads = list(torch._foreach_add(grads, params, alpha=group['weight_decay']))
        squares = [self._state(p, 'square_avg', torch.ones_like) for p in params]
        torch._foreach_mul_(squares, group['alpha'])
        torch._foreach_addcmul_(squares, grads, grads, value=1 - group['alpha'])
        scales = torch._foreach_add(squares, group['eps'])
        torch._foreach_sqrt_(scales)
        moves = [self._state(p, 'momentum_buffer', torch.zeros_like) for p in params]
        torch._foreach_mul_(moves, group['momentum'])
        torch._foreach_addcdiv_(moves, grads, scales, value=group['lr'])
        torch._foreach_sub_(params, moves)

    def _state(self, p: Tensor, key: str, start: Callable[..., Tensor]) -> Tensor:
        state = self.state[p]
        if key not in state:
            state[key] = start(p, memory_format=torch.preserve_format)
        return state[key]
