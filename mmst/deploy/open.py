"""Opens files to deploy, with one clear error for files that cannot be."""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import TicketError
from ..openmmlab.safe_checkpoints import safe_load
from ..settings.checks import check_size
from ..settings.hooks import hook_settings
from ..tickets import Ticket
from .export.sparse_file import from_content, is_sparse_file


def open_ticket(path: str) -> Ticket:
    """Read a ticket, or a sparse file, that a finished run, or one of the tools, has left.

    Raises:
        TicketError: There is none, it is damaged, or training was under way with its masks lifted.
    """
    content: Any = safe_load(str(path), 'cpu') if Path(path).is_file() else None
    if is_sparse_file(content):
        ticket = from_content(path, content)
    elif content is None:
        ticket = Ticket.load(path)
    else:
        _refuse_checkpoint(path, content)
        ticket = Ticket.from_content(path, content)
    prune = hook_settings(ticket.meta.get('settings') or {}, 'PruneHook')
    if prune and not len(ticket.mask) and not ticket.meta.get('compacted'):
        sparsity = prune.get('sparsity', 0.9)
        raise TicketError(f'{path} is not finished: its run prunes to {sparsity:.0%}'
                          ', and its masks were lifted. Remedy: let the run end, and give its '
                          'ticket.pth.')
    return ticket


def check_shape(shape: Sequence[int] | None, key: str = '--shape') -> tuple[int, int] | None:
    """Return the height and width from the command line; one number stands for both.

    Raises:
        ConfigError: It is no size.
    """
    if shape is None:
        return None
    pair = tuple(shape)
    return check_size(key, pair * 2 if len(pair) == 1 else pair, f'give e.g. {key} 512 1024')


def _refuse_checkpoint(path: str, content: Any) -> None:
    if isinstance(content, dict) and 'state_dict' in content and 'format' not in content:
        state = 'its masks are lifted' if 'mmst_mask' not in content else 'training goes on from it'
        raise TicketError(f'{path} is a checkpoint, not a finished ticket: {state}. Remedy: give '
                          'the run\'s ticket.pth, or make a ticket of it with mmst prune.')
