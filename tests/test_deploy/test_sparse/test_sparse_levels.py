"""Levels of a family by the CPU engine."""
import pytest
import torch
from deploy_tickets import small_ticket, with_levels

from mmst.deploy.sparse.sparse_levels import SparseLevels
from mmst.errors import TicketError
from mmst.tickets import Ticket


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp('levels') / 'family.pth'
    with_levels(small_ticket(sparsity=0.5), (0.5, 0.8, 0.9)).save(path)
    return path


@torch.no_grad()
def test_levels_are_switched_without_the_file_and_give_what_their_tickets_give(path, tmp_path):
    file = tmp_path / 'family.pth'
    file.write_bytes(path.read_bytes())
    levels = SparseLevels(file)
    file.unlink()
    images = torch.randn(1, 3, 40, 48)
    outputs = {}
    for level in (0.9, 0.5, 0.9):
        found = levels.at(level)(images)
        wanted = levels.ticket.at(level).build()(images, mode='tensor')
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
        outputs[level] = found.clone()
    assert levels.at(0.9) is levels.at(0.9)
    assert not torch.equal(outputs[0.9], outputs[0.5])


def test_a_shared_folder_stands_for_its_family(path, tmp_path):
    Ticket.load(path).save_pretrained(tmp_path / 'shared')
    assert SparseLevels(tmp_path / 'shared').levels == (0.5, 0.8, 0.9)


def test_level_that_is_not_there_is_refused(path):
    with pytest.raises(TicketError, match=r'0\.5, 0\.8, 0\.9'):
        SparseLevels(path).at(0.7)


def test_ticket_of_one_level_is_refused(path):
    with pytest.raises(TicketError, match='one level'):
        SparseLevels(SparseLevels(path).ticket.at(0.5))
