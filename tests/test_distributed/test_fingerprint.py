"""A silent divergence of one process becomes an error on all."""
from functools import partial

import pytest
import rank_jobs
import ranks
from mmengine import dist
from tiny import run

from mmst.engine import FingerprintHook

FINGERPRINT = dict(custom_hooks=[dict(type='mmst.FingerprintHook')])


def damaged(tmp_path, what, rank=1, size=2, priority=73, **kwargs):
    probe = priority, dict(after_train_epoch=partial(rank_jobs.damage, what, 2))
    return ranks.run(size, rank_jobs.train, tmp_path, 3, rank_probes={rank: [probe]},
                     **FINGERPRINT, **kwargs)


@pytest.mark.parametrize('what, part', [
    ('weights', 'weights'), ('averaged weights', 'weights'), ('masks', 'masks'),
    ('BN statistics', 'BN statistics'), ('shapes', 'shapes')])
def test_one_number_that_differs_on_one_rank_stops_all(tmp_path, what, part):
    with pytest.raises(ranks.RankError) as error:
        damaged(tmp_path, what)
    texts = error.value.errors
    assert set(texts) == {0, 1}
    for text in texts.values():
        assert text.startswith('TrainingError: the processes have diverged by step 2')
        assert f': {part} of rank 1 differ from those of rank 0' in text
        assert 'Remedy: ' in text


def test_of_four_ranks_it_names_the_one_that_differs_even_if_it_is_the_first(tmp_path):
    with pytest.raises(ranks.RankError) as error:
        damaged(tmp_path, 'weights', rank=0, size=4, length=16)
    assert set(error.value.errors) == {0, 1, 2, 3}
    assert all('weights of rank 0 differ from those of 3 of 4 ranks: model.' in text
               for text in error.value.errors.values())


@pytest.mark.parametrize('recalibrate, local', [
    (True, set()), (False, {'statistics', 'averaged statistics'})])
def test_statistics_may_differ_where_nothing_averages_them(tmp_path, recalibrate, local):
    """Each process has those of its own batches; an epoch's end averages them."""
    first, second = ranks.run(2, rank_jobs.train, tmp_path, 3, search=dict(interval=3),
                              prune=dict(interval=3), recalibrate=recalibrate, **FINGERPRINT)
    differ = [{part for part, name in a['digests']
               if a['digests'][part, name] != b['digests'][part, name]}
              for a, b in zip(first, second, strict=True)]
    assert differ == [local] * 3


@pytest.mark.by_turns(3)
def test_iteration_based_runs_are_compared_after_each_event(tmp_path):
    probe = 73, dict(after_train_iter=partial(rank_jobs.damage_at_iteration, 'weights', 3))
    with pytest.raises(ranks.RankError) as error:
        ranks.run(2, rank_jobs.train, tmp_path, rank_probes={1: [probe]}, search=dict(interval=7),
                  prune=dict(interval=5), train_cfg=dict(by_epoch=False, max_iters=8),
                  **FINGERPRINT)
    for text in error.value.errors.values():
        assert 'diverged by step 5: weights of rank 1 differ' in text


def test_one_process_compares_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(FingerprintHook, 'compare', lambda *args: pytest.fail('compared'))
    monkeypatch.setattr(dist, 'all_gather_object', lambda *args: pytest.fail('gathered'))
    run(tmp_path, 2, **FINGERPRINT)
