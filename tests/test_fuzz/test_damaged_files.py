"""Tickets and checkpoints with damaged bytes: they load as they were written, or are refused with
one TicketError. Nothing else may come, and nothing may be loaded in part."""
import kills
import pytest
from damage import DAMAGE, cases, content_of, small_ticket
from hypothesis import given
from hypothesis import strategies as st

from mmst.errors import TicketError
from mmst.openmmlab.safe_checkpoints import load_from_local
from mmst.tickets import Ticket


@pytest.fixture(scope='module')
def ticket_file(tmp_path_factory):
    path = tmp_path_factory.mktemp('ticket') / 'ticket.pth'
    small_ticket().save(path)
    return path


@pytest.mark.by_turns(3)
@cases(1000)
@given(DAMAGE)
def test_a_damaged_ticket_is_whole_or_refused(ticket_file, damage):
    path = ticket_file.with_name('damaged.pth')
    path.write_bytes(damage(bytearray(ticket_file.read_bytes())))
    try:
        ticket = Ticket.load(path)
    except TicketError as error:
        assert str(path) in str(error) and '\n' not in str(error)
        return
    assert not kills.differences(content_of(ticket), content_of(Ticket.load(ticket_file)))


@cases(300)
@given(st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_of_a_weight_is_always_found(ticket_file, place, bit):
    data = bytearray(ticket_file.read_bytes())
    weights = small_ticket().state_dict['backbone.stem.0.conv.weight'].numpy().tobytes()
    data[data.index(weights) + place % len(weights)] ^= 1 << bit
    path = ticket_file.with_name('damaged.pth')
    path.write_bytes(data)
    with pytest.raises(TicketError, match='damaged'):
        Ticket.load(path)


@cases(400)
@given(DAMAGE)
def test_a_damaged_checkpoint_is_whole_or_refused(checkpoint_file, damage):
    path = checkpoint_file.with_name('epoch_3.pth')
    path.write_bytes(damage(bytearray(checkpoint_file.read_bytes())))
    try:
        content = load_from_local(str(path), 'cpu')
    except TicketError as error:
        assert str(path) in str(error) and '\n' not in str(error)
        return
    assert not kills.differences(content, load_from_local(str(checkpoint_file), 'cpu'))
