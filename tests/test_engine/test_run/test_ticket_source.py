"""The tickets that a run under a fixed mask starts from."""
import pytest
import torch

from mmst.engine.run.ticket_source import TicketSource
from mmst.errors import ConfigError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket


def source(ticket=None, start='ticket', parts=None, neck_ticket=None):
    return TicketSource(ticket, start, 0, parts, neck_ticket)


def write(path, **kept):
    """Write a ticket of one weight a name, with a mask."""
    masks = {name: torch.tensor(mask) for name, mask in kept.items()}
    state = {name: mask.float() for name, mask in masks.items()}
    Ticket(dict(type='Net'), state, Mask(masks)).save(path)
    return str(path)


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / 'ticket.pth', **{'neck.a': [True, False], 'head.a': [True, True]})


def test_without_a_ticket_the_key_and_a_remedy_are_named():
    with pytest.raises(ConfigError, match=r'^FixedMaskHook.ticket = None: .*Remedy: give a ticket'):
        source().read()


def test_parts_of_other_origins_are_named():
    assert source('t.pth').origin('neck') == 't.pth'
    assert source('t.pth', 'random').origin('neck') == 't.pth (random)'
    mixed = source('t.pth', neck_ticket='n.pth')
    assert [mixed.origin(part) for part in ('neck', 'backbone')] == ['n.pth', 't.pth']


def test_a_checkpoints_mask_is_compared_with_the_tickets(path):
    own, other = Ticket.load(path).mask, Mask({'neck.a': torch.tensor([False, True])})
    assert source(path).differs_from(own) is None
    warning = source(path).differs_from(other)
    assert warning.startswith(f'FixedMaskHook.ticket = {path!r}') and '50.00%' in warning
    assert '25.00%' in warning  # the ticket's


@pytest.mark.parametrize('changes', [dict(start='random'), dict(neck_ticket='n.pth')])
def test_masks_that_the_ticket_does_not_give_are_not_compared(path, changes):
    other = Mask({'neck.a': torch.tensor([False, True])})
    assert source(path, **changes).differs_from(other) is None
    assert source().differs_from(other) is None
