"""The final ticket has the target sparsity, whatever happened in which order."""
import json

import pytest
import torch
from tiny import WEAKEN, events, find_hook, prunes, run, timeline

from mmst.engine import PruneHook
from mmst.tickets import Ticket

#: t_s, t_p and the last epoch: which of the two falls on it.
ORDERS = {
    'search falls on the end': (2, 3, 4),
    'prune falls on the end': (3, 2, 4),
    'both fall on the end': (2, 2, 4),
    'neither falls on the end': (2, 2, 5),
    'the last search follows the last prune': (4, 3, 5),
    'the first prune is at the end': (2, 5, 5),
}


@pytest.mark.parametrize('reactivation', ['search', 'prune', None])
@pytest.mark.parametrize('order', ORDERS)
def test_the_final_ticket_has_the_target_sparsity(tmp_path, order, reactivation):
    search, interval, epochs = ORDERS[order]
    p = 0.6
    runner = run(tmp_path, epochs, length=4, ticket=True, ema=False, val=10, scores=[0.25],
                 search=dict(interval=search), probes=[WEAKEN],
                 prune=dict(sparsity=p, interval=interval, reactivation=reactivation,
                            schedule='one_shot'))
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    total, pruned = ticket.mask.total, ticket.mask.pruned
    assert pruned / total >= p
    if reactivation is not None:
        assert (pruned - 1) / total < p
    zeros = sum(int((ticket.state_dict[name] == 0).sum()) for name in ticket.mask)
    assert zeros >= pruned
    last = [e for e in events(runner) if e['kind'] == 'evaluate'][-1]
    assert last['step'] == epochs and last['at_target'] and last['metrics'] == dict(score=0.25)
    assert ('recalibrate', epochs) in timeline(runner)
    assert json.loads((tmp_path / 'ticket.json').read_text())['metrics'] == dict(score=0.25)


@pytest.mark.parametrize('p', [0.3, 0.9, 0.95, 0.98])
def test_a_schedule_that_is_too_short_is_completed_at_the_end(tmp_path, p):
    runner = run(tmp_path, 4, length=4, ticket=True, prune=dict(sparsity=p, interval=3))
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert 0 <= ticket.mask.pruned - p * ticket.mask.total < 1
    assert [e['step'] for e in prunes(runner)] == [3, 4]


def test_the_end_is_drawn_again_only_where_the_target_is_missed(tmp_path):
    runner = run(tmp_path, 5, length=4, ticket=True, search=dict(interval=2), ema=False,
                 prune=dict(interval=4, sparsity=0.1))
    assert [e['step'] for e in prunes(runner)] == [4]
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    drawn = Ticket.load(tmp_path / 'tickets' / '4.pth')
    assert all(torch.equal(ticket.mask[name], drawn.mask[name]) for name in drawn.mask)


def test_each_prune_leaves_a_ticket_of_its_sparsity(tmp_path):
    runner = run(tmp_path, 3, length=4, ticket=True, prune=dict(sparsity=0.9), probes=[WEAKEN])
    for event in prunes(runner):
        ticket = Ticket.load(tmp_path / 'tickets' / f'{event["step"]}.pth')
        assert (ticket.mask.pruned, ticket.mask.total) == (event['pruned'], event['total'])
        assert ticket.meta['step'] == event['step']
        ticket.build()


def test_tickets_before_the_last_are_optional(tmp_path):
    run(tmp_path, 2, length=4, ticket=dict(keep_each=False))
    assert (tmp_path / 'ticket.pth').is_file() and not (tmp_path / 'tickets').exists()


def test_without_pruning_the_ticket_is_the_searched_network(tmp_path):
    run(tmp_path, 2, length=4, ticket=True, prune=False, probes=[WEAKEN])
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert len(ticket.mask) == 0 and ticket.sparsity == 0.
    summary = json.loads((tmp_path / 'ticket.json').read_text())
    assert summary['params']['sparse'] == summary['params']['searched'] < summary['params'][
        'supernet']


def test_the_final_mask_is_in_force_at_the_end(tmp_path):
    """IR-P and IR-S lift no mask after the last draw."""
    for reactivation in ('search', 'prune'):
        runner = run(tmp_path / reactivation, 2, length=4, prune=dict(reactivation=reactivation))
        assert find_hook(runner, PruneHook).at_target(runner)
        assert runner.optim_wrapper.masks


def test_tickets_have_recalibrated_norms_whether_or_not_the_run_validates(tmp_path):
    runner = run(tmp_path, 5, length=4, ticket=True, search=dict(interval=5), ema=False,
                 prune=dict(interval=2, sparsity=0.2, reactivation=None))
    assert timeline(runner, 'recalibrate') == [('recalibrate', step) for step in (2, 4, 5)]
