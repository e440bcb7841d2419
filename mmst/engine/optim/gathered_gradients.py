"""Stores gradients that were gathered for a step that is not taken yet, in checkpoints."""
import logging
from typing import TYPE_CHECKING, Any

import torch
from mmengine import dist
from mmengine.logging import print_log
from torch import Tensor
from torch.optim import Optimizer

from ...errors import TicketError
from ...openmmlab.internals import accumulation, iterations_of, set_iterations
from ...settings.checks import as_whole

KEY = 'gathered_gradients'
Gradients = dict[int, Tensor]
if TYPE_CHECKING:  # the mixin's base
    from mmengine.optim import OptimWrapper as _Wrapper
else:
    _Wrapper = object


class GatheredGradients(_Wrapper):
    """Lets gradients travel in the state of an optimizer wrapper, while gradient accumulation is
    between two steps.

    Each process has gathered its own, which no wrapper averages before the step. The first process
    writes checkpoints alone: ``collect`` brings it those of the others, and is called on all of
    them before. A mixin of ``OptimWrapper``.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._collected: dict[str, Any] | None = None
        self._to_restore: Any = None

    @property
    def gathered(self) -> int:
        """Return iterations since the last step."""
        return iterations_of(self) % accumulation(self)

    @property
    def gathers(self) -> bool:
        """Return whether a step takes several iterations."""
        return accumulation(self) > 1

    def collect(self) -> None:
        """Get ready to be saved; all processes must call it."""
        self._collected = None
        if self.gathered and not self.should_update():
            ranks = dist.all_gather_object(_own_gradients(self.optimizer))
            self._collected = dict(gathered=self.gathered, of=accumulation(self),
                                   iteration=iterations_of(self), ranks=ranks)

    def state_dict(self) -> dict[str, Any]:
        """Return the optimizer's state, with the gradients that were gathered since its last step.
        """
        if dist.get_world_size() == 1:
            self.collect()
        state, collected = super().state_dict(), self._collected
        if collected is not None and collected['iteration'] == iterations_of(self):
            state[KEY] = {key: collected[key] for key in ('gathered', 'of', 'ranks')}
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep gradients until the run's counters are known (``initialize_count_status``)."""
        state_dict = dict(state_dict)
        self._to_restore = state_dict.pop(KEY, None)
        super().load_state_dict(state_dict)

    def initialize_count_status(self, model: torch.nn.Module, init_counts: int,
                                max_counts: int) -> None:
        saved, self._to_restore = self._to_restore, None
        if saved is None or not self._restore(saved, init_counts):
            super().initialize_count_status(model, init_counts, max_counts)
            return
        # From 0, as nothing is lost: mmengine would warn that it is.
        super().initialize_count_status(model, 0, max_counts)
        set_iterations(self, init_counts)

    def _restore(self, saved: Any, iteration: int) -> bool:
        """Return whether the gradients belong to the place at which the run goes on."""
        ranks = _check_saved(saved, self.optimizer)
        if (saved['of'], saved['gathered']) != (accumulation(self),
                                                iteration % accumulation(self)):
            print_log(
                f'the checkpoint holds gradients of {saved["gathered"]} of {saved["of"]} '
                f'iterations of a step; with optim_wrapper.accumulative_counts = '
                f'{accumulation(self)} this run goes on elsewhere and leaves them out.',
                'current', logging.WARNING)
            return False
        same = len(ranks) == dist.get_world_size()
        own = ranks[dist.get_rank()] if same else _mean(ranks)
        for index, parameter in enumerate(_parameters(self.optimizer)):
            gradient = own.get(index)
            parameter.grad = None if gradient is None else gradient.to(parameter.device)
        return True


def _parameters(optimizer: Optimizer) -> list[Tensor]:
    return [p for group in optimizer.param_groups for p in group['params']]


def _own_gradients(optimizer: Optimizer) -> Gradients:
    """Return gradients by their parameters' numbers, as in the optimizer's own state."""
    return {index: p.grad.detach().cpu().clone() for index, p in enumerate(_parameters(optimizer))
            if p.grad is not None}


def _mean(ranks: list[Gradients]) -> Gradients:
    """Return gradients for another number of processes: the step averages over all of them."""
    found: Gradients = {}
    for gradients in ranks:
        for index, gradient in gradients.items():
            found[index] = found.get(index, 0) + gradient / len(ranks)
    return found


def _check_saved(saved: Any, optimizer: Optimizer) -> list[Gradients]:
    shapes = {index: p.shape for index, p in enumerate(_parameters(optimizer))}
    try:
        ranks = saved['ranks']
        fits = bool(ranks) and all(
            torch.is_tensor(gradient) and gradient.shape == shapes[index]
            for gradients in ranks for index, gradient in gradients.items())
        fits = fits and None not in (as_whole(saved['of']), as_whole(saved['gathered']))
    except (TypeError, KeyError, AttributeError):
        fits = False
    if not fits:
        raise TicketError(f'the checkpoint\'s optimizer.{KEY} do not fit the network. Remedy: '
                          'resume from the checkpoint before it.')
    return ranks
