"""The ticket is the network that was evaluated, or the run is refused."""
import copy

import pytest
import torch
from mmengine.hooks import EMAHook, Hook
from mmengine.registry import HOOKS
from tiny import make, run, timeline, unwrap

from mmst.errors import ConfigError
from mmst.tickets import Ticket

RUN = dict(epochs=2, length=4, val=1, ticket=True)
DENSE = dict(search=False, prune=False, recalibrate=False)


@HOOKS.register_module(force=True)
class OwnAverage(Hook):
    """Averages weights by itself, and evaluates the average."""
    priority = 'NORMAL'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.average = copy.deepcopy(unwrap(runner).state_dict())
        for tensor in self.average.values():
            if tensor.is_floating_point():
                tensor.mul_(0.9)

    def before_val_epoch(self, runner):
        self.other = copy.deepcopy(unwrap(runner).state_dict())
        unwrap(runner).load_state_dict(self.average)

    def after_val_epoch(self, runner, metrics=None):
        unwrap(runner).load_state_dict(self.other)


@HOOKS.register_module(force=True)
class NeverExchanged(EMAHook):
    """Averages, and evaluates the network in training all the same."""

    def before_val_epoch(self, runner):
        pass

    def after_val_epoch(self, runner, metrics=None):
        pass


def refused(runner):
    with pytest.raises(ConfigError, match='Remedy') as error:
        runner.train()
    assert '\n' not in str(error.value)
    return str(error.value)


@pytest.mark.filterwarnings('ignore:Automatically set')
@pytest.mark.parametrize('settings', [{}, DENSE, dict(DENSE, search=True), dict(
    DENSE, prune=dict(reactivation=None))], ids=['both', 'dense', 'search', 'prune'])
def test_an_average_that_is_not_evaluated_is_refused_before_training(tmp_path, settings):
    runner = make(tmp_path, **RUN, ema=dict(type='mmpretrain.EMAHook', evaluate_on_ema=False),
                  **settings)
    assert refused(runner).startswith('EMAHook.evaluate_on_ema = False: ')
    assert runner.iter == 0 and not timeline(runner)


@pytest.mark.parametrize('settings', [
    dict(ema=False, custom_hooks=[dict(type='OwnAverage')]),
    dict(ema=dict(type='NeverExchanged'), length=8)], ids=['no EMAHook', 'never exchanged'])
def test_hooks_that_let_another_network_be_evaluated_are_found_at_the_first(tmp_path, settings):
    runner = make(tmp_path, **{**RUN, **settings})
    assert 'see another network than the ticket holds' in refused(runner)
    assert runner.epoch == 1


@pytest.mark.parametrize('ema', [
    True, False, dict(type='mmpretrain.EMAHook'),
    dict(type='mmpretrain.EMAHook', evaluate_on_origin=True), dict(begin_epoch=2)],
    ids=['shipped', 'none', 'mmpretrain', 'both', 'later'])
def test_the_ticket_is_what_the_last_evaluation_saw(tmp_path, ema):
    seen = {}

    def look(runner):
        seen.update({n: t.clone() for n, t in unwrap(runner).state_dict().items()})

    run(tmp_path, **RUN, ema=ema, probes=[('LOWEST', dict(before_val_epoch=look))])
    ticket = Ticket.load(tmp_path / 'ticket.pth').state_dict
    assert all(torch.equal(seen[name], value) for name, value in ticket.items())


def test_an_average_without_buffers_is_compared_with_those_of_the_model(tmp_path):
    """mmengine exchanges parameters alone; the buffers are the same."""
    runner = run(tmp_path, **RUN, **DENSE, ema=dict(update_buffers=False))
    assert runner.epoch == 2
