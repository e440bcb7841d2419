"""mmseg's usual kind of run: an endless sampler, validation and checkpoints by iteration.

See also ``test_iteration_runs.py``: the order of events.
"""
from pathlib import Path

import pytest
import torch
from tiny import averaged_model, config, events, make, timeline, unwrap, weaken

from mmst.tickets import Ticket

ITERATIONS = 10
HOOKS = [dict(type='mmst.SeedHook'), dict(type='mmst.ResumeHook')]


def run(work_dir, iterations=ITERATIONS, **settings):
    """Random augmentation, dropout, a learning rate by iteration, all at intervals of their own."""
    loader = config(work_dir, noise=0.3).train_dataloader
    loader.sampler = dict(type='InfiniteSampler', shuffle=True)
    runner = make(
        work_dir, val=3, ticket=True, train_dataloader=loader, custom_hooks=HOOKS,
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iterations, val_interval=3),
        scores=[1., 2., 3., 4., 5.], search=dict(interval=4, warmup=5),
        prune=dict(interval=2, sparsity=0.4), model=dict(transformer='all'),
        checkpoint=dict(by_epoch=False, interval=3, save_best='score', rule='greater'),
        param_scheduler=dict(type='PolyLR', power=0.9, end=ITERATIONS, by_epoch=False),
        probes=[(60, dict(after_train_iter=weaken(0.2)))], **settings)
    runner.train()
    return runner


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """A run that was not interrupted."""
    return run(tmp_path_factory.mktemp('whole'))


def test_it_searches_prunes_and_ends_at_the_target(whole):
    assert timeline(whole, 'search', 'prune', 'evaluate') == [
        ('prune', 2), ('evaluate', 3), ('search', 4), ('prune', 4), ('prune', 6), ('evaluate', 6),
        ('search', 8), ('prune', 8), ('evaluate', 9), ('prune', 10), ('evaluate', 10)]
    assert any(e['removed'] for e in events(whole) if e['kind'] == 'search')
    ticket = Ticket.load(f'{whole.work_dir}/ticket.pth')
    assert 0 <= ticket.mask.pruned - 0.4 * ticket.mask.total < 1


def test_checkpoints_come_by_iteration_and_the_best_is_one_at_the_target(whole):
    files = {path.name for path in Path(whole.work_dir).glob('*.pth')}
    assert files == {'iter_3.pth', 'iter_6.pth', 'iter_9.pth', 'iter_10.pth',
                     'best_score_iter_10.pth', 'ticket.pth'}
    counting = [e['step'] for e in events(whole) if e['kind'] == 'evaluate' and e['at_target']]
    assert counting == [9, 10]


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('iteration', [3, 6, 9])
def test_resumed_in_the_middle_it_ends_with_the_same_bits(whole, tmp_path, iteration):
    again = run(tmp_path, resume=True, load_from=f'{whole.work_dir}/iter_{iteration}.pth')
    assert timeline(whole) == timeline(again)
    for first, second in zip((unwrap(whole), averaged_model(whole).module),
                             (unwrap(again), averaged_model(again).module), strict=True):
        second = second.state_dict()
        assert all(torch.equal(value, second[name]) for name, value in first.state_dict().items())
    first, second = (Ticket.load(f'{runner.work_dir}/ticket.pth') for runner in (whole, again))
    assert all(torch.equal(value, second.state_dict[name])
               for name, value in first.state_dict.items())
    assert whole.optim_wrapper.get_lr() == again.optim_wrapper.get_lr()
