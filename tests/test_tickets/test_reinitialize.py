"""Random masks and random weights in a ticket's place."""
import pytest
import torch
from tiny import WEAKEN, run

from mmst.tickets import Ticket
from mmst.tickets.starting_point import starting_point


@pytest.fixture(scope='module', params=['none', 'all'])
def path(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp('searched')
    run(folder, 2, ticket=True, length=4, prune=dict(sparsity=0.7, schedule='one_shot'),
        model=dict(transformer=request.param), probes=[WEAKEN])
    return str(folder / 'ticket.pth')


def test_random_pruning_has_another_mask_of_the_same_sparsity(path):
    ticket, other = Ticket.load(path), starting_point(path, 'random_pruning', 3)
    assert other.model == ticket.model and other.mask.pruned == ticket.mask.pruned
    assert any(not torch.equal(other.mask[name], kept) for name, kept in ticket.mask.items())
    other.check()
    again = starting_point(path, 'random_pruning', 3)
    assert all(torch.equal(other.mask[name], again.mask[name]) for name in ticket.mask)


def test_reinitialised_weights_are_new_under_the_same_mask(path):
    ticket, other = Ticket.load(path), starting_point(path, 'reinitialize', 3)
    assert other.model == ticket.model and set(other.state_dict) == set(ticket.state_dict)
    for name, kept in ticket.mask.items():
        assert torch.equal(other.mask[name], kept)
        if int(kept.sum()) > 3:
            assert not torch.equal(other.state_dict[name], ticket.state_dict[name])
    other.check()
    other.build()


def test_reinitialisation_repeats_by_seed_and_leaves_the_random_state(path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = starting_point(path, 'reinitialize', 3)
    assert torch.equal(torch.rand(3), expected)
    same, other = (starting_point(path, 'reinitialize', seed) for seed in (3, 4))
    assert all(torch.equal(value, same.state_dict[name]) for name, value in one.state_dict.items())
    assert any(not torch.equal(value, other.state_dict[name])
               for name, value in one.state_dict.items())


def test_norms_start_again(path):
    other = starting_point(path, 'reinitialize', 3)
    for name, value in other.state_dict.items():
        if name.endswith('running_mean'):
            assert not value.any()
