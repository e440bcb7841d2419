"""A loss that is no number any more: nothing is removed, nothing good is overwritten."""
from types import SimpleNamespace

import kills
import pytest
import torch
from mmengine.hooks import LoggerHook
from mmengine.runner import Runner
from tiny import WEAKEN, Probe, timeline, unwrap

from mmst.engine.hooks.finite_hook import first_infinite
from mmst.engine.run.resume import find_checkpoint
from mmst.errors import TrainingError
from mmst.models.hrnas.widths import get_widths
from mmst.openmmlab.safe_checkpoints import safe_load


def make(epochs=4, damage=None, **changes):
    """A run whose images are damaged at the beginning of an epoch (of an iteration, if so)."""
    cfg = kills.settings(epochs,
                         workers=0,
                         **dict(
                             dict(val=0,
                                  checkpoint=dict(interval=1, max_keep_ckpts=1),
                                  param_scheduler=None), **changes))
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Probe(after_train_epoch=WEAKEN[1]['after_train_epoch']), 60)
    runner.register_hook(Probe(before_train_iter=lambda r: r.iter == damage and spoil(r)), 1)
    return runner


def spoil(runner):
    """A number that a damaged file can give."""
    runner.train_dataloader.dataset.images[:] = float('nan')


def diverges(runner, match):
    with pytest.raises(TrainingError, match=match) as caught:
        runner.train()
    message = str(caught.value)
    assert 'Remedy: ' in message and '\n' not in message
    return message


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.by_turns(3)
def test_no_unit_is_removed_and_the_last_good_checkpoint_stays(tmp_path):
    runner = make(damage=10)  # in epoch 4, which searches and prunes
    message = diverges(runner, 'diverged.*epoch 4')
    assert 'clip_grad' in message
    assert [step for _, step in timeline(runner)] == [1, 1, 2, 2, 2, 2, 3, 3]
    last = find_checkpoint(kills.WORK)
    content = safe_load(last)
    assert last.endswith('epoch_3.pth')
    assert all(w.isfinite().all() for w in content['state_dict'].values())
    runner = make()
    runner._resume = True
    runner.train()
    assert runner.epoch == 4 and timeline(runner, 'search') == [('search', 2), ('search', 4)]


def test_the_widths_stay_as_they_were(tmp_path):
    runner, widths = make(damage=4), []
    runner.register_hook(Probe(before_train_epoch=lambda r: widths.append(
        get_widths(unwrap(r).backbone))), 1)
    diverges(runner, 'epoch 2')
    assert get_widths(unwrap(runner).backbone) == widths[0]


def test_without_a_search_the_run_stops_too(tmp_path):
    diverges(make(damage=7, search=False, prune=dict(reactivation=None, interval=1)), 'epoch 3')
    assert find_checkpoint(kills.WORK).endswith('epoch_2.pth')


@pytest.mark.parametrize('ema', [True, False])
def test_a_learning_rate_that_is_far_too_high_ends_there(tmp_path, ema):
    diverges(make(optimizer=dict(type='SGD', lr=1e30), wrapper=dict(clip_grad=None), ema=ema),
             'diverged.*epoch 1')
    assert find_checkpoint(kills.WORK) is None


def test_an_iteration_based_run_stops_before_its_next_checkpoint(tmp_path):
    runner = make(damage=5, train_cfg=dict(by_epoch=False, max_iters=12), search=dict(interval=12),
                  prune=dict(interval=12), ticket=False,
                  checkpoint=dict(interval=3, by_epoch=False, max_keep_ckpts=1))
    # Damaged images come from the seventh iteration on: the sixth's batch was there already.
    diverges(runner, 'since iteration 7')
    assert find_checkpoint(kills.WORK).endswith('iter_6.pth')


@pytest.mark.parametrize('interval, last', [(1, 8), (3, 9), (1000, 9)])
def test_it_stops_at_the_next_log_and_names_the_first_bad_step(tmp_path, interval, last):
    runner = make(damage=6, search=False, prune=False, ticket=False)  # the epoch's second of three
    runner._hooks = [hook for hook in runner.hooks if not isinstance(hook, LoggerHook)]
    runner.register_hook(LoggerHook(interval=interval))
    done = []
    runner.register_hook(Probe(after_train_iter=lambda r: done.append(r.iter + 1)), 10)
    diverges(runner, r'loss is not finite since iteration 8 \(in epoch 3\)')
    assert done[-1] == last


def test_a_single_overflow_under_loss_scaling_is_passed_over(tmp_path):
    runner = make(wrapper=dict(type='mmst.MaskedAmpOptimWrapper'))
    runner.message_hub.update_scalar('train/loss', 1.)
    runner.message_hub.update_scalar('train/loss', float('inf'))
    runner.optim_wrapper = SimpleNamespace(loss_scaler=torch.amp.GradScaler('cpu'))
    assert first_infinite(runner, 2) is None and first_infinite(runner, 1) == 1
    runner.optim_wrapper = SimpleNamespace()
    assert first_infinite(runner, 2) == 1


def test_the_hook_is_not_needed_to_keep_units(tmp_path):
    """The search looks for itself."""
    cfg = kills.settings(2, workers=0, val=0, prune=False)
    del cfg.default_hooks['finite']
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Probe(before_train_iter=lambda r: r.iter == 4 and spoil(r)), 1)
    diverges(runner, 'not finite.*no unit was removed')
    assert not timeline(runner)


def test_what_the_remedy_says_is_so(tmp_path):
    """A resumed run takes on gradient clipping, and keeps its learning rate."""
    make(2).train()
    runner = make(3,
                  optimizer=dict(type='AdamW', lr=123.),
                  wrapper=dict(clip_grad=dict(max_norm=.1)))
    runner._resume = True
    runner.train()
    assert runner.epoch == 3
    assert runner.optim_wrapper.clip_grad_kwargs == dict(max_norm=.1)
    assert runner.optim_wrapper.get_lr()['lr'] == [0.01]
