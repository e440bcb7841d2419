"""Iteration-based runs: intervals, warm-up and events count iterations."""
import pytest
import torch
from tiny import (
    WEAKEN,
    averaged_model,
    events,
    find_hook,
    make,
    pruned_weights,
    prunes,
    run,
    timeline,
    unwrap,
    weaken,
)

from mmst.engine import PruneHook
from mmst.tickets import Ticket

WEAKEN_EACH = (60, dict(after_train_iter=weaken(0.2)))


def iterations(work_dir, count, val=0, **settings):
    cfg = dict(train_cfg=dict(by_epoch=False, max_iters=count, val_interval=val or 10**6))
    return make(work_dir, val=val, **dict(settings, **cfg))


def test_search_prune_reactivation_and_evaluation_count_iterations(tmp_path):
    runner = iterations(tmp_path, 9, val=3, ticket=True, probes=[WEAKEN_EACH], scores=[1, 2, 3],
                        search=dict(interval=4), prune=dict(interval=2, sparsity=0.4))
    runner.train()
    assert timeline(runner) == [
        ('prune', 2), ('recalibrate', 2), ('recalibrate', 3), ('evaluate', 3),
        ('search', 4), ('reactivate', 4), ('prune', 4), ('recalibrate', 4),
        ('prune', 6), ('recalibrate', 6), ('evaluate', 6),
        ('search', 8), ('reactivate', 8), ('prune', 8), ('recalibrate', 8),
        ('recalibrate', 9), ('evaluate', 9)]
    for event in prunes(runner):
        ratio = min(0.4, 0.1 * (event['step'] // 2))
        assert 0 <= event['pruned'] - ratio * event['total'] < 1
    assert [e['at_target'] for e in events(runner) if e['kind'] == 'evaluate'] == [
        False, False, True]
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert 0 <= ticket.mask.pruned - 0.4 * ticket.mask.total < 1
    assert ticket.meta['step'] == 9


def test_the_end_has_the_target_sparsity_here_too(tmp_path):
    runner = iterations(tmp_path, 5, search=dict(interval=5), prune=dict(interval=2, sparsity=0.9))
    runner.train()
    assert timeline(runner, 'search', 'reactivate', 'prune') == [
        ('prune', 2), ('prune', 4), ('search', 5), ('reactivate', 5), ('prune', 5)]
    assert find_hook(runner, PruneHook).at_target(runner)


def test_ir_p_masks_no_step(tmp_path):
    found = []

    def act(runner):
        found.append(bool(runner.optim_wrapper.masks))

    runner = iterations(tmp_path, 5, prune=dict(interval=2, reactivation='prune'), search=False,
                        probes=[(99, dict(before_train_iter=act))])
    runner.train()
    assert found == [False] * 5 and find_hook(runner, PruneHook).at_target(runner)
    assert timeline(runner, 'prune', 'reactivate') == [
        ('prune', 2), ('reactivate', 2), ('prune', 4), ('reactivate', 4), ('prune', 5)]


def test_warm_up_counts_iterations(tmp_path):
    found = []

    def act(runner):
        found.append(runner.optim_wrapper.penalty.rho)

    runner = iterations(tmp_path, 6, search=dict(interval=3, rho=0.4, warmup=4), prune=False,
                        probes=[(99, dict(before_train_iter=act))])
    runner.train()
    assert found == pytest.approx([0., 0.1, 0.2, 0.3, 0.4, 0.4])


@pytest.mark.by_turns(5)
def test_a_resumed_run_ends_like_one_that_was_not_interrupted(tmp_path):
    settings = dict(search=dict(interval=4), probes=[WEAKEN_EACH],
                    prune=dict(interval=3, revive='value'))
    whole = iterations(tmp_path, 9, checkpoint=dict(interval=3, by_epoch=False), **settings)
    whole.train()
    again = iterations(tmp_path / 'again', 9, resume=True,
                       load_from=str(tmp_path / 'iter_3.pth'), **settings)
    again.train()
    assert events(whole) == events(again)
    for first, second in ((unwrap(whole), unwrap(again)),
                          (averaged_model(whole).module, averaged_model(again).module)):
        second = second.state_dict()
        assert all(torch.equal(value, second[name]) for name, value in first.state_dict().items())
    masks = [[pruned for *_, pruned in pruned_weights(runner)] for runner in (whole, again)]
    assert masks[0] and all(torch.equal(*pair) for pair in zip(*masks, strict=True))


def test_epoch_based_runs_of_the_toolboxes_give_the_same_order(tmp_path):
    """``EpochBasedTrainLoop`` named by its class, as toolboxes' schedules do."""
    runner = run(tmp_path, train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=2), length=4,
                 probes=[WEAKEN])
    assert timeline(runner)[:2] == [('prune', 1), ('recalibrate', 1)]
