"""Runs that an ``EarlyStoppingHook`` ends leave a ticket of the target sparsity too."""
import json

import pytest
import torch
from tiny import WEAKEN, events, find_hook, make, timeline, weaken

from mmst.engine import PruneHook
from mmst.errors import ConfigError
from mmst.tickets import Ticket


def stopping(tmp_path, scores, epochs=9, stop=None, **settings):
    hook = dict(stop or {}, type='EarlyStoppingHook', monitor='score', rule='greater', patience=2)
    return make(tmp_path, epochs, val=1, ticket=True, scores=scores, custom_hooks=[hook],
                **dict(dict(prune=dict(sparsity=0.3, schedule='one_shot'), probes=[WEAKEN]),
                       **settings))


@pytest.mark.parametrize('settings', [
    {}, dict(train_cfg=dict(by_epoch=False, max_iters=9, val_interval=1),
                 probes=[(60, dict(after_train_iter=weaken(0.2)))])],
    ids=['epochs', 'iterations'])
def test_a_stopped_run_leaves_the_ticket_of_its_last_evaluation(tmp_path, settings):
    runner = stopping(tmp_path, [5., 4., 3.], **settings)
    runner.train()
    assert timeline(runner, 'evaluate') == [('evaluate', 1), ('evaluate', 2), ('evaluate', 3)]
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert 0 <= ticket.mask.pruned - 0.3 * ticket.mask.total < 1
    assert ticket.meta['step'] == 3
    summary = json.loads((tmp_path / 'ticket.json').read_text())
    assert summary['metrics'] == dict(score=3.)
    last = Ticket.load(tmp_path / 'tickets' / '3.pth')
    assert all(torch.equal(value, last.state_dict[name])
               for name, value in ticket.state_dict.items())


@pytest.mark.filterwarnings('ignore:Skip early stopping')
def test_evaluations_below_the_target_stop_nothing(tmp_path):
    runner = stopping(tmp_path, [9., 8., 7., 6., 5., 4.], prune=dict(sparsity=0.3))
    runner.train()
    targets = [e['at_target'] for e in events(runner) if e['kind'] == 'evaluate']
    assert targets == [False, False, True, True, True]


def test_a_run_that_is_stopped_below_the_target_is_pruned_recalibrated_and_evaluated(tmp_path):
    """Whatever sets ``stop_training``: here a hook of someone else's, at the second epoch."""

    def stop(runner):
        runner.train_loop.stop_training = runner.epoch + 1 == 2

    runner = make(tmp_path, 9, val=1, ticket=True, scores=[1., 2., 3.], prune=dict(sparsity=0.6),
                  probes=[WEAKEN, (99, dict(after_train_epoch=stop))])
    runner.train()
    assert timeline(runner)[-4:] == [
        ('evaluate', 2), ('prune', 2), ('recalibrate', 2), ('evaluate', 2)]
    assert find_hook(runner, PruneHook).at_target(runner)
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert 0 <= ticket.mask.pruned - 0.6 * ticket.mask.total < 1
    assert json.loads((tmp_path / 'ticket.json').read_text())['metrics'] == dict(score=3.)


def test_a_strict_hook_is_refused_before_training(tmp_path):
    with pytest.raises(ConfigError, match=r'EarlyStoppingHook.strict = True: .* Remedy: '):
        stopping(tmp_path, [], stop=dict(strict=True)).train()
