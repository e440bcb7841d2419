"""Applies the resource-aware L1 penalty to the importance factors."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class L1Penalty:
    """Adds the penalty ρ · Σ c_u |γ_u| to the gradients as its sub-gradient ρ c_u sign(γ_u).

    No loss term: the graph of a hundred small tensors costs far more than the in-place form.

    Args:
        scales (Sequence[nn.Parameter]): The BN scales γ, a 1-D tensor for each group of units.
        costs (Sequence[Tensor]): The relative costs c_u, shaped alike.
        rho (float): The strength ρ. Defaults to 0; set it before each step.
    """

    def __init__(self, scales: Sequence[nn.Parameter], costs: Sequence[Tensor], rho: float = 0.):
        self.scales = list(scales)
        self.costs = [cost.to(scale) for cost, scale in zip(costs, scales, strict=True)]
        self.rho = rho

    @torch.no_grad()
    def add_gradients(self) -> None:
        """Add the sub-gradient; at γ = 0 it is 0. Scales without a gradient are passed over."""
        chosen = [(s, c) for s, c in zip(self.scales, self.costs, strict=True)
                  if s.grad is not None]
        if self.rho and chosen:
            scales, costs = map(list, zip(*chosen, strict=True))
            signs = torch._foreach_sign(scales)
            torch._foreach_mul_(signs, costs)
            torch._foreach_add_([s.grad for s in scales], signs, alpha=self.rho)

    @torch.no_grad()
    def value(self) -> float:
        """Return the penalty's value now."""
        chosen = [(s, c) for s, c in zip(self.scales, self.costs, strict=True) if s.numel()]
        if not chosen or not self.rho:
            return 0.
        sums = torch._foreach_norm(torch._foreach_mul(*map(list, zip(*chosen, strict=True))), 1)
        return self.rho * float(torch.stack(sums).sum())


def warmup(rho: float, step: int, length: int) -> float:
    """Return ρ at iteration ``step`` of a linear warm-up from 0 over ``length`` iterations."""
    return rho * min(1., step / length) if length else rho
