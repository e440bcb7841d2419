"""Refuses to load a part of a ticket: it is loaded whole or not at all."""
import copy
from collections.abc import Mapping
from typing import Any

from torch import nn

from ...errors import TicketError
from ...tickets.content import FORMAT


def refuse_partial_load(model: nn.Module, checkpoint: Mapping[str, Any]) -> None:
    """Refuse a ticket that ``model`` would take in part; mmengine only logs misfits.

    Other checkpoints pass: a run may start from the weights of another network. So may a ticket of
    which whole parts, say the head, are not in ``model``.

    Args:
        model (nn.Module): Unwrapped; it stays as it is.
        checkpoint (Mapping): Content of the file.

    Raises:
        TicketError: Naming the first weight that does not fit.
    """
    if checkpoint.get('format') != FORMAT:
        return
    own = {name.partition('.')[0] for name in model.state_dict()}
    state = {name: value for name, value in checkpoint['state_dict'].items()
             if name.partition('.')[0] in own}
    try:
        # In a copy: torch goes on after the first mismatch and leaves half a load behind.
        missing, unexpected = copy.deepcopy(model).load_state_dict(state, strict=False)
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise _partly(lines[min(1, len(lines) - 1)].strip()) from None
    parts = {name.partition('.')[0] for name in state}
    missing = [name for name in missing if name.partition('.')[0] in parts
               and not name.endswith('num_batches_tracked')]
    for names, problem in ((missing, 'is missing in it'), (unexpected, 'is not in the network')):
        if names:
            raise _partly(f'{names[0]} {problem}')


def _partly(problem: str) -> TicketError:
    return TicketError(f'the ticket would be loaded in part only: {problem.rstrip(".")}. Remedy: '
                       'give the config that it was trained with.')
