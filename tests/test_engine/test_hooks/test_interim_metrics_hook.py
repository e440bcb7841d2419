"""Which evaluations count, and what network they see."""
import json

import pytest
from tiny import WEAKEN, events, find_hook, make, run, shipped_hooks

from mmst.engine import InterimMetricsHook, PruneHook, TicketCheckpointHook

#: Prunes at 2, 4, 6, 8; searches at 3, 6: reactivated from 3 to 4 only.
AT_TARGET = {2, 4, 5, 6, 7, 8}
ONE_SHOT = dict(epochs=8, length=4, val=1, ticket=True, search=dict(interval=3),
                prune=dict(interval=2, schedule='one_shot', sparsity=0.5))


def evaluations(runner):
    return {e['step']: e for e in events(runner) if e['kind'] == 'evaluate'}


def names(found):
    """A probe after all other hooks: names of the metrics that the log shows."""

    def act(runner):
        scalars = runner.message_hub.log_scalars
        found[runner.epoch] = {n for n in scalars if n.startswith('val/') and 'score' in n}

    return 'LOWEST', dict(after_val_epoch=act)


def test_evaluations_below_the_target_or_reactivated_have_another_name(tmp_path):
    found = {}
    runner = run(tmp_path, probes=[names(found), WEAKEN], **ONE_SHOT)
    assert set(found) == set(range(1, 9))
    for step, shown in found.items():
        assert shown == {'val/score' if step in AT_TARGET else 'val/interim/score'}
    assert {step for step, e in evaluations(runner).items() if e['at_target']} == AT_TARGET


def test_the_written_log_keeps_the_two_apart(tmp_path):
    run(tmp_path, scores=[step / 10 for step in range(1, 9)], **ONE_SHOT)
    log = next(tmp_path.glob('*/vis_data/scalars.json')).read_text().splitlines()
    lines = [json.loads(line) for line in log]
    counted = {line['step']: line['score'] for line in lines if 'score' in line}
    interim = {line['step']: line['interim/score'] for line in lines if 'interim/score' in line}
    assert counted == {step: step / 10 for step in AT_TARGET}
    assert interim == {step: step / 10 for step in {1, 3}}


def test_progressive_pruning_counts_from_the_target_on(tmp_path):
    found = {}
    run(tmp_path, 5, length=4, val=1, search=False, probes=[names(found)],
        prune=dict(sparsity=0.3, reactivation=None))
    assert {step for step, shown in found.items() if shown == {'val/score'}} == {3, 4, 5}


def test_without_pruning_every_evaluation_counts(tmp_path):
    found = {}
    run(tmp_path, 2, length=4, val=1, prune=False, ticket=True, probes=[names(found)])
    assert found == {1: {'val/score'}, 2: {'val/score'}}


@pytest.mark.parametrize('save_best', ['score', 'auto'])
def test_the_best_checkpoint_is_the_best_at_the_target(tmp_path, save_best):
    """Epochs 1 and 3 do better, below the target and reactivated."""
    scores = [0.9, 0.1, 0.99, 0.3, 0.7, 0.6, 0.2, 0.5]
    runner = run(tmp_path, scores=scores,
                 checkpoint=dict(interval=100, save_best=save_best, rule='greater'), **ONE_SHOT)
    assert [p.name for p in tmp_path.glob('best_*')] == ['best_score_epoch_5.pth']
    assert runner.message_hub.get_info('best_score') == 0.7


def test_a_run_that_only_ends_at_the_target_saves_its_end_as_best(tmp_path):
    run(tmp_path, 3, length=4, val=1, scores=[0.9, 0.8, 0.1], prune=dict(sparsity=0.9),
        checkpoint=dict(interval=100, save_best='score', rule='greater'))
    assert [p.name for p in tmp_path.glob('best_*')] == ['best_score_epoch_3.pth']


def evaluated_sparsity(found):
    """A probe before validation, after the averaged weights were swapped in: share of zeros."""

    def act(runner):
        weights = find_hook(runner, PruneHook).weights(runner).values()
        zeros = sum(int((weight == 0).sum()) for weight in weights)
        found[runner.epoch] = zeros / sum(weight.numel() for weight in weights)

    return 'LOWEST', dict(before_val_epoch=act)


@pytest.mark.parametrize('revive,ema', [('zero', True), ('value', False)])
@pytest.mark.parametrize('reactivation', ['search', 'prune', None])
def test_evaluations_that_count_see_the_target_sparsity(tmp_path, reactivation, revive, ema):
    found = {}
    prune = dict(interval=2, sparsity=0.2, reactivation=reactivation, revive=revive)
    runner = run(tmp_path, **dict(ONE_SHOT, prune=prune, ema=ema, ticket=True,
                                  probes=[evaluated_sparsity(found)]))
    counted = {step for step, e in evaluations(runner).items() if e['at_target']}
    expected = {'search': {4, 5, 6, 7, 8}, 'prune': {4, 6, 8}, None: {4, 5, 6, 7, 8}}
    assert counted == expected[reactivation]
    assert all(found[step] >= 0.2 for step in counted)
    assert found[1] < 0.01


def test_validation_alone_is_not_renamed_and_needs_no_optimizer(tmp_path):
    """``runner.val()`` and ``runner.test()`` of a run's config, as the toolboxes' tools do."""
    best = dict(interval=1, save_best='score', rule='greater')
    for name, checkpoint in (('a', None), ('b', best)):
        runner = make(tmp_path / name, val=1, scores=[0.4], checkpoint=checkpoint)
        assert runner.val() == dict(score=0.4)
        assert not list((tmp_path / name).glob('*.pth'))


def test_testing_with_the_config_of_a_run_works(tmp_path):
    cfg = make(tmp_path, val=1, ticket=True).cfg
    runner = make(tmp_path, val=1, ticket=True, scores=[0.4], test_cfg={},
                  test_dataloader=cfg.val_dataloader, test_evaluator=cfg.val_evaluator)
    assert set(runner.test()) == {'score'}


def test_the_shipped_hooks_are_those_tested_here():
    hooks = shipped_hooks()
    assert hooks.interim_metrics.type == f'mmst.{InterimMetricsHook.__name__}'
    assert hooks.checkpoint.type == f'mmst.{TicketCheckpointHook.__name__}'
