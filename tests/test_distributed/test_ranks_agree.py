"""Removal, pruning, reactivation, recalibration: every process holds the same bits after them.

With ``broadcast_buffers=False`` nothing but equal steps keeps the processes together; wrapping
again after a removal sends weights and buffers of the model, but no optimizer state, mask or EMA.
"""
import pytest
import rank_jobs
import ranks
import tiny

WEAKEN = (60, dict(after_train_epoch=rank_jobs.weaken))
ADAMW = dict(type='AdamW', lr=0.01, weight_decay=0.01)


def check(answers, epochs,
          parts=('parameters', 'masks', 'optimizer', 'averaged', *rank_jobs.LOCAL)):
    """All ranks agree at every epoch's end, and everything has happened."""
    assert all(len(states) == epochs for states in answers)
    for states in zip(*answers, strict=True):
        assert not rank_jobs.differences(states), states[0]['step']
    seen = {part for state in answers[0] for part, _ in state['digests']}
    assert seen == set(parts)
    events = answers[0][-1]['events']
    assert {'search', 'prune', 'reactivate', 'recalibrate'} <= {e['kind'] for e in events}
    assert any(e['removed'] for e in events if e['kind'] == 'search')
    assert any(e['revived'] for e in events if e['kind'] == 'reactivate')


@pytest.mark.parametrize('settings', [
    dict(optimizer=ADAMW), dict(model=dict(transformer='all')),
    dict(prune=dict(revive='value', sparsity=0.4), val=1),
    dict(prune=dict(schedule='one_shot', criterion=dict(type='obc', batches=2)))],
                         ids=['AdamW', 'tokens', 'revive_value', 'obc_before_the_last_step'])
def test_two_processes_agree_to_the_bit_at_every_epoch_end(tmp_path, settings):
    check(ranks.run(2, rank_jobs.train, tmp_path, 5, probes=[WEAKEN], **settings), 5)


def test_four_processes_agree_to_the_bit(tmp_path):
    check(ranks.run(4, rank_jobs.train, tmp_path, 4, probes=[WEAKEN], optimizer=ADAMW,
                    length=16, batch_size=2), 4)


@pytest.mark.parametrize('length', [7, 9])
def test_an_uneven_last_batch_changes_nothing(tmp_path, length):
    """Of 7 images each process gets 3 and 1; of 9 it gets 3 and 2. One is seen by both."""
    check(ranks.run(2, rank_jobs.train, tmp_path, 4, probes=[WEAKEN], length=length,
                    batch_size=3), 4)


def test_an_iteration_based_run_agrees_at_each_event_and_at_its_end(tmp_path):
    loader = tiny.config(tmp_path).train_dataloader
    loader.sampler = dict(type='InfiniteSampler', shuffle=True)
    (first, ), (second, ) = ranks.run(
        2, rank_jobs.train, tmp_path, probes=[(60, dict(after_train_iter=rank_jobs.weaken))],
        search=dict(interval=4), prune=dict(interval=2), val=3, train_dataloader=loader,
        train_cfg=dict(by_epoch=False, max_iters=9, val_interval=3),
        custom_hooks=[dict(type='mmst.FingerprintHook')])
    assert first['digests'] == second['digests']
    assert first['events'] == second['events']
    steps = [(e['kind'], e['step']) for e in first['events'] if e['kind'] in ('search', 'prune')]
    assert steps == [('prune', 2), ('search', 4), ('prune', 4), ('prune', 6), ('search', 8),
                     ('prune', 8), ('prune', 9)]  # the last step draws the rest
    assert any(e['removed'] for e in first['events'] if e['kind'] == 'search')


def test_a_run_without_ema_agrees(tmp_path):
    answers = ranks.run(2, rank_jobs.train, tmp_path, 4, probes=[WEAKEN], ema=False)
    check(answers, 4, ('parameters', 'masks', 'optimizer', 'statistics'))


def test_gradients_that_are_views_of_buckets_survive_removal(tmp_path):
    check(ranks.run(2, rank_jobs.train, tmp_path, 4, probes=[WEAKEN],
                    wrap=dict(gradient_as_bucket_view=True)), 4)


def test_paths_that_die_need_no_search_for_unused_parameters(tmp_path):
    """Every unit goes; their parameters are empty and the wrapper passes them over."""
    all_gone = (60, dict(after_train_epoch=rank_jobs.weaken_all))
    answers = ranks.run(2, rank_jobs.train, tmp_path, 4, probes=[all_gone],
                        model=dict(transformer='all'))
    assert not any(rank_jobs.differences(states) for states in zip(*answers, strict=True))
    removed = [r for e in answers[0][-1]['events'] if e['kind'] == 'search' for r in e['removed']]
    assert removed and {r['left'] for r in removed} == {0}
    empty = [text for (part, _), text in answers[0][-1]['digests'].items()
             if part == 'parameters' and '(0,' in text]
    assert empty


def test_buffers_are_averaged_by_mmpose_s_hook_with_masks_and_empty_buffers_around(tmp_path):
    """``SyncBuffersHook`` reduces every buffer of the model, those of dead paths too."""
    all_gone = (60, dict(after_train_epoch=rank_jobs.weaken_all))
    for probe in (WEAKEN, all_gone):
        answers = ranks.run(
            2, rank_jobs.train, tmp_path, 4, probes=[probe, rank_jobs.BOOL_BUFFER],
            custom_hooks=[dict(type='SyncBuffersHook')], val=1)
        assert not any(rank_jobs.differences(states) for states in zip(*answers, strict=True))
    flags = {state['digests']['statistics', 'flags'] for states in answers for state in states}
    assert flags == {rank_jobs.digest(rank_jobs.FLAGS)}


ITERATIONS = dict(train_cfg=dict(by_epoch=False, max_iters=4, val_interval=1),
                  search=dict(interval=3), prune=dict(interval=3))


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('settings', [
    dict(search=dict(interval=3), prune=dict(interval=3)), dict(search=False, prune=False),
    dict(recalibrate=False, custom_hooks=[dict(type='mmst.FingerprintHook')]), ITERATIONS],
    ids=['late', 'dense', 'no recalibration', 'iterations'])
def test_every_evaluation_sees_the_same_network_on_all_ranks(tmp_path, settings):
    """Those before the first recalibration too."""
    first, second = ranks.run(2, rank_jobs.evaluations, tmp_path, 4, val=1, **settings)
    assert len(first) == 4 and first[0][0] == 0
    assert first == second


def test_an_evaluation_that_no_interval_foretold_does_too(tmp_path):
    probes = [(95, dict(after_train_iter=rank_jobs.evaluate_at_iteration_1))]
    first, second = ranks.run(2, rank_jobs.evaluations, tmp_path, 2, val=2, probes=probes)
    assert len(first) == 2 and first == second


def test_statistics_that_agree_keep_every_bit(tmp_path):
    """Also where a sum over the ranks is rounded."""
    assert ranks.run(3, rank_jobs.average_equal_statistics) == [True] * 3
