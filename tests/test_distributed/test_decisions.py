"""Rank 0 decides once which units and weights go, whatever the others think."""
import rank_jobs
import ranks
from tiny import find_units, make


def decide(tmp_path, disagree=None, **settings):
    """Decisions of both ranks in a run of two epochs; rank 1 is of another mind at the last."""
    probes = {1: [(61, dict(after_train_epoch=disagree))]} if disagree else {}
    answers = ranks.run(2, rank_jobs.train, tmp_path, 2, rank_probes=probes,
                        probes=[(60, dict(after_train_epoch=rank_jobs.weaken))],
                        keep=rank_jobs.decisions, **settings)
    return [made for _, made in answers]


def removals(made):
    return [e['removed'] for e in made['events'] if e['kind'] == 'search']


def test_all_remove_the_units_that_rank_0_chose(tmp_path):
    alone, _ = decide(tmp_path / 'of one mind')
    first, second = decide(tmp_path / 'of two', rank_jobs.disagree_on_units)
    assert removals(first) == removals(second) == removals(alone) != [[]]
    assert first['survivors'] == second['survivors'] == alone['survivors']
    assert first['shapes'] == second['shapes'] == alone['shapes']


def test_rank_1_alone_would_have_removed_all(tmp_path):
    """The test above would see nothing if the other rank agreed."""
    runner = make(tmp_path, 1, search=dict(interval=1),
                  probes=[(61, dict(after_train_epoch=rank_jobs.disagree_on_units))])
    runner.train()
    assert not find_units(runner.model)


def test_all_draw_the_mask_that_rank_0_drew(tmp_path):
    settings = dict(search=False, prune=dict(interval=2, reactivation=None), ema=False)
    alone, _ = decide(tmp_path / 'of one mind', **settings)
    first, second = decide(tmp_path / 'of two', rank_jobs.disagree_on_weights, **settings)
    assert first['masks'] == second['masks'] == alone['masks'] != {}
    assert first['events'] == second['events']
