"""Averages returned weights over the time since their return."""
from collections.abc import Mapping

import torch
from mmengine.hooks import EMAHook
from mmengine.model import BaseAveragedModel
from mmengine.registry import MODELS
from torch import Tensor, nn

from ...errors import config_error, one_line, shorten
from ...pruning.reactivation import PruneState
from ...search.walk import parameters_named


class SinceReturn:
    """Keeps the averages of returned weights to the time since their return.

    A pruned weight is 0 in the averaged copy. A moving average would go on from that 0, and the
    weight would enter the ticket far too small. Let S = 1 - D, with D the product of the decays
    since the return. After each update of the copy, from S to S', returned weights move on towards
    the current ones by another 1 - S / S'. They then are the average since the return exactly, as
    dividing a sum that starts from 0 by S' would make them, and they are so at every moment: in
    evaluations, checkpoints and searches before the next prune, too.

    S is measured: it is the same kind of average, of a number that was 0 until the return and is 1
    from then on. So it is right for any kind of decay.

    Args:
        hook (EMAHook): The hook that averages the model; it has built its copy.

    Raises:
        ConfigError: Its class averages none but certain networks.
    """

    def __init__(self, hook: EMAHook):
        self.average = hook.ema_model
        self._one = _Number(1.)
        self._witness = _witness(hook)
        self._pairs: list[tuple[nn.Parameter, Tensor]] = []
        self._returned: PruneState = {}

    @property
    def share(self) -> float:
        """Return S, the share of the average that comes from the time since the return."""
        return float(self._witness.module.value)

    @torch.no_grad()
    def begin(self,
              weights: Mapping[str, nn.Parameter],
              returned: PruneState,
              share: float = 0.) -> None:
        """Follow weights that have just returned; at first their averages are the weights.

        Args:
            weights (Mapping[str, nn.Parameter]): Name to parameter, of the model in training.
            returned (PruneState): Parameter to ``{'returned': bool tensor}``; it is added to, and
                may shrink with its parameter.
            share (float): S, where a run goes on from a checkpoint. Defaults to 0.
        """
        chosen = {name: weight for name, weight in weights.items() if weight in returned}
        copies = parameters_named(self.average.module, chosen)
        self._pairs = [(weight, copies[name]) for name, weight in chosen.items()]
        self._returned = returned
        self._witness.module.value.fill_(share)
        self._witness.steps.copy_(self.average.steps)
        for weight, copy in self._pairs:
            if not share:
                mask = returned[weight]['returned'].to(copy.device)
                copy.copy_(torch.where(mask, weight.to(copy.device), copy))

    def end(self) -> None:
        """Follow no weights any more: a new mask is in force."""
        self._pairs, self._returned = [], {}

    @torch.no_grad()
    def update(self) -> None:
        """Correct the averages; call it after each update of the copy."""
        if not self._pairs:
            return
        before = self.share
        while self._witness.steps < self.average.steps:
            self._witness.update_parameters(self._one)
        if self.share == before:
            return
        copies = [copy for _, copy in self._pairs]
        sources = [weight.detach().to(copy.device) for weight, copy in self._pairs]
        factors = [self._factor(weight).to(copy.device) for weight, copy in self._pairs]
        torch._foreach_lerp_(copies, sources, torch._foreach_mul(factors, 1 - before / self.share))

    def _factor(self, weight: nn.Parameter) -> Tensor:
        """Return 1 where a weight has returned, else 0, in the parameter's shape and layout."""
        state = self._returned[weight]
        if 'factor' not in state:
            state['factor'] = torch.empty_like(weight).copy_(state['returned'])
        return state['factor']


def _witness(hook: EMAHook) -> BaseAveragedModel:
    """Return the same kind of average, of one number."""
    try:
        return MODELS.build(hook.ema_cfg, default_args=dict(model=_Number(0.)))
    except Exception as error:  # of the user's own class anything can come
        raise config_error(
            f'{type(hook).__name__}.ema_type', type(hook.ema_model).__name__,
            'averages of returned weights are measured by one of a number, and it takes no such '
            f'network ({shorten(one_line(error), 100)})',
            'let its constructor take any nn.Module, or set PruneHook.reactivation=None') from error


class _Number(nn.Module):
    """Is a network of one number, exact enough for decays that are close to 1."""

    def __init__(self, value: float):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))
