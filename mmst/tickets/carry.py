"""Carries a ticket's architecture, weights and mask into a network."""
import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import TicketError
from ..pruning.mask import Mask
from ..pruning.matrices import find_matrices
from ..pruning.prunable import prunable_weights
from ..search.copyable import copyable
from ..settings.kinds import kind_name
from .ticket import Ticket

#: Parts that make features; the rest is the classifier.
FEATURES = ('backbone', 'neck')
_OTHER_SPACE = ('give the ticket together with the config that it was trained with, or one of the '
                'same search space')


def carry_over(model: nn.Module, sources: Mapping[str, Ticket]) -> Mask:
    """Give parts of ``model`` the architecture and the weights of tickets.

    Parts without a source stay as they are (new); those of backbone and neck count as unpruned.

    Args:
        model (nn.Module): A whole OpenMMLab model of the same search space, unwrapped.
        sources (Mapping[str, Ticket]): Part of the model, e.g. ``'backbone'``, to its ticket.

    Returns:
        Mask: Of all prunable weights of the network as it is now.

    Raises:
        TicketError: A ticket of another search space, or without that part.
    """
    kept: dict[str, torch.Tensor] = {}
    for part, ticket in sources.items():
        load_part(model, part, ticket)
        kept.update((n, keep) for n, keep in ticket.mask.items() if n.startswith(f'{part}.'))
    new = set(FEATURES) - set(sources)
    # A mask has no place for weights that are computed from other parameters at each pass.
    computed = [matrix.path for matrix in find_matrices(model) if not matrix.is_own]
    kept.update((name, torch.ones(w.shape, dtype=torch.bool))
                for name, w in prunable_weights(model, FEATURES, leave_alone=computed).items()
                if name.partition('.')[0] in new)
    mask = Mask(kept)
    mask.check_fits({name: p.shape for name, p in model.named_parameters()})
    return mask


def load_part(model: nn.Module, part: str, ticket: Ticket) -> None:
    """Give one part of ``model`` a ticket's architecture and weights; see :func:`carry_over`.

    Where that fails, ``model`` is unchanged.
    """
    state = {name: value for name, value in ticket.state_dict.items()
             if name.startswith(f'{part}.')}
    if getattr(model, part, None) is None or not state:
        owner = 'config\'s model' if state else 'ticket'
        raise TicketError(f'the {owner} has no part {part!r}. Remedy: carry over parts that both '
                          f'have; the ticket has {", ".join(parts_of(ticket))}.')
    try:
        # torch goes on after the first mismatch and leaves half a load behind: not in the original.
        missing, unexpected = copy.deepcopy(copyable(model)).load_state_dict(state, strict=False)
    except (TicketError, RuntimeError) as error:
        raise _does_not_fit(part, str(error)) from None
    missing = [name for name in missing if name.startswith(f'{part}.')
               and not name.endswith('num_batches_tracked')]
    for names, problem in ((missing, 'is missing'), (unexpected, 'is not in the config\'s model')):
        if names:
            raise _does_not_fit(part, f'{names[0]} {problem}')
    model.load_state_dict(state, strict=False)


def parts_of(ticket: Ticket) -> list[str]:
    """Return parts that a ticket holds weights of, in its order."""
    return list(dict.fromkeys(name.partition('.')[0] for name in ticket.state_dict))


def fitting_parts(ticket: Ticket, settings: Mapping[str, Any]) -> list[str]:
    """Return parts that can be carried into a model with another classifier.

    The backbone always; the neck if it has weights and the model has one of the same class.

    Args:
        ticket (Ticket): The source's.
        settings (Mapping): Config of the target's model.
    """
    kinds = [_kinds(model.get('neck')) for model in (ticket.model, settings)]
    same = kinds[0] == kinds[1] and 'neck' in parts_of(ticket)
    return ['backbone', 'neck'] if same else ['backbone']


def _kinds(part: Any) -> list[str]:
    """Return the names of a part's classes: of one, of several in a row, of none."""
    return [kind_name(one) for one in (part if isinstance(part, (list, tuple)) else [part]) if one]


def open_neck(path: str) -> Ticket:
    """Return the target's own ticket, whose neck is taken.

    Raises:
        TicketError: There is no such file, or it is damaged.
    """
    if not Path(path).is_file():
        raise TicketError(
            f'neck_ticket = {path!r}: no such file, and the neck is to come from the target\'s own '
            'ticket. Remedy: train the target\'s config first, give --neck-ticket PATH, or '
            '--new-neck (neck_ticket=None) for a new, dense neck.')
    return Ticket.load(path)


def choose_parts(ticket: Ticket, parts: Sequence[str] | None,
                 neck_ticket: Ticket | None) -> dict[str, Ticket]:
    """Return each part's ticket; all are of ``ticket`` where ``parts`` is None.

    Raises:
        TicketError: The neck would come from both.
    """
    sources = dict.fromkeys(parts_of(ticket) if parts is None else parts, ticket)
    if neck_ticket is not None:
        if 'neck' in sources:
            raise TicketError('the neck would come from two tickets. Remedy: carry over '
                              'parts=[\'backbone\'], or give no ticket for the neck.')
        sources['neck'] = neck_ticket
    return sources


def _does_not_fit(part: str, message: str) -> TicketError:
    text = ' '.join(message.partition(' Remedy:')[0].split())
    shapes = re.search(r'size mismatch for (\S+): .*?\[(.*?)\].*?\[(.*?)\]', text)
    if shapes:
        text = ('{} has shape ({}) in the ticket and ({}) in the config\'s model'
                .format(*shapes.groups()))
    remedy = _OTHER_SPACE
    if part == 'neck':
        remedy = ('set model.neck of the config like the ticket\'s (out_channels with the head\'s '
                  'in_channels), or carry over the backbone alone, with a neck that is new or from '
                  'the target\'s own ticket')
    elif part != 'backbone':
        remedy = 'carry over backbone and neck alone, with a new classifier'
    return TicketError(f'the ticket\'s {part} does not fit the config\'s model: {text}. '
                       f'Remedy: {remedy}.')
