"""Averages a network's weights over the steps in which no mask is in force."""
import copy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import TicketError
from ...pruning.mask import Mask
from ...search.copyable import copyable
from ...search.graph.described import attach_described, describe_channels
from ...search.recalibrate import average_statistics
from ...tickets.weights import check_weights
from ..run.start_file import check_fits

#: Where it stands in checkpoints.
TEACHER = 'mmst_teacher'
_NUMBERS = ('steps', 'since')


class DenseAverage:
    """Is the arithmetic mean of a network's weights and BN statistics since a step (SWA: Izmailov
    et al. 2018, "Averaging weights leads to wider optima and better generalization").

    Args:
        model (nn.Module): The network as built, before a search and before anything is loaded.

    Attributes:
        module (nn.Module): The average, in eval mode.
        steps (int): How many steps it is of; 0 where there is none yet.
        since (int): How many events had changed the network when it began.
        open (bool): Whether it is still being averaged: BN statistics differ between processes.
    """

    def __init__(self, model: nn.Module):
        self.module = copy.deepcopy(copyable(model)).requires_grad_(False)
        self.module.eval()
        self.steps, self.since, self.open = 0, -1, False

    @torch.no_grad()
    def begin(self, model: nn.Module, since: int) -> None:
        """Begin with the weights of ``model``, whose shapes it takes on."""
        attach_described(self.module, describe_channels(model))
        self.module.load_state_dict(model.state_dict())
        self.steps, self.since, self.open = 1, since, True

    @torch.no_grad()
    def add(self, model: nn.Module) -> None:
        """Count the weights of another step."""
        self.steps += 1
        torch._foreach_lerp_(_floating(self.module), _floating(model), 1 / self.steps)

    def follow(self, model: nn.Module, changes: int) -> None:
        """Count the weights of a step, the first one after ``changes`` events or a later one."""
        if self.since == changes:
            self.add(model)
        else:
            self.begin(model, changes)

    def agree(self) -> None:
        """Average the statistics over processes, which must all call this."""
        average_statistics([self.module])

    def close(self) -> None:
        """End it, alike on all processes, which must all call this."""
        if self.open:
            self.agree()
            self.open = False

    def state(self) -> dict[str, Any]:
        """Return the state from which a resumed run goes on."""
        return dict(state_dict=self.module.state_dict(), steps=self.steps, since=self.since,
                    open=self.open)

    def load(self, saved: Any, checkpoint: dict[str, Any]) -> None:
        """Go on from the state in a checkpoint.

        Raises:
            TicketError: It is damaged, or of another network.
        """
        whole = isinstance(saved, dict) and isinstance(saved.get('state_dict'), dict) and all(
            type(saved.get(key)) is int and -1 <= saved[key] < 2**53 for key in _NUMBERS
        ) and type(saved.get('open')) is bool
        if not whole:
            raise TicketError(f'the checkpoint\'s {TEACHER} is broken. Remedy: resume from the '
                              'checkpoint before it.')
        check_weights(saved['state_dict'], Mask({}))
        attach_described(self.module, checkpoint)
        check_fits(f'the checkpoint\'s {TEACHER}', saved, self.module, whole=True)
        self.steps, self.since, self.open = saved['steps'], saved['since'], saved['open']


def _floating(model: nn.Module) -> list[Tensor]:
    return [t.detach() for t in chain(model.parameters(), model.buffers())
            if t.is_floating_point()]
