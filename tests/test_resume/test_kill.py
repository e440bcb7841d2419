"""kill -9 of a real process, wherever it strikes: the resumed run ends bit for bit like one that
was never stopped."""
import kills
import pytest

#: Point, epoch, passage, and whether the kill strikes after it rather than before. Of four epochs
#: all prune, the second and the fourth search and validate. All but two kills fall in the middle of
#: an epoch, inside an event or inside a write.
KILLS = {
    'before the first checkpoint': ('step', 1, 2),
    'between two epochs': ('epoch', 3),
    'in the middle of an epoch': ('step', 3, 3),
    'in a step, before pruned weights are zeroed': ('zeroing', 4, 2),
    'before the average is updated': ('averaging', 3, 2),
    'inside a search': ('search', 4, 7),
    'inside a reactivation': ('reactivation', 4),
    'with masks half in force': ('masks in force', 3, 1, True),
    'inside a recalibration': ('recalibration', 4),
    'while a checkpoint is written': ('write epoch_', 3),
    'before last_checkpoint is written': ('saving', 2, 1, True),
    'while last_checkpoint is written': ('open last_checkpoint', 3, 1, True),
    'while a ticket is written': ('write ticket', 3),
    'inside a validation': ('validation', 3, 2),
    'while the best checkpoint is written': ('write best_', 5),
}

#: Other parts of runs; each is killed in the middle of its third epoch.
RUNS = {
    'SGD without EMA': dict(ema=False, optimizer=dict(type='SGD', lr=0.05, momentum=0.9)),
    'RMSprop, values revived': dict(
        optimizer=dict(type='RMSprop', lr=0.003, momentum=0.9),
        prune=dict(sparsity=0.3, interval=1, revive='value')),
    'Adam in bf16, no reactivation': dict(
        optimizer=dict(type='Adam', lr=0.01),
        prune=dict(sparsity=0.3, interval=2, reactivation=None),
        wrapper=dict(type='mmst.MaskedAmpOptimWrapper', accumulative_counts=2)),
    'lifted right after pruning': dict(prune=dict(sparsity=0.3, interval=2, reactivation='prune')),
    'no seed in the config': dict(randomness=dict(seed=None), workers=0),
}


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('kill', KILLS.values(), ids=KILLS)
def test_resumed_run_ends_like_an_uninterrupted_one(uninterrupted, tmp_path, kill):
    kills.killed(tmp_path, kill)
    kills.finish(tmp_path)
    assert not kills.differences(uninterrupted, kills.left(tmp_path))
    assert not list(tmp_path.rglob('*.tmp'))


@pytest.mark.by_turns(5)
def test_killed_again_and_again_it_ends_like_an_uninterrupted_one(uninterrupted, tmp_path):
    kills.killed(tmp_path, ('rename epoch_', 2))
    kills.killed(tmp_path, ('masks in force', 2), resume=True)
    kills.killed(tmp_path, ('write ticket', 4, 2), resume=True)
    kills.killed(tmp_path, ('masks in force', 4), resume=True)
    kills.killed(tmp_path, ('validation', 5), resume=True)
    kills.finish(tmp_path)
    assert not kills.differences(uninterrupted, kills.left(tmp_path))


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('changes', RUNS.values(), ids=RUNS)
def test_other_runs_resume_alike(tmp_path, changes):
    kills.killed(tmp_path / 'killed', ('step', 3, 3), **changes)
    kills.finish(tmp_path / 'killed', **changes)
    seed = kills.saved(tmp_path / 'killed')['epoch_4.pth']['meta']['seed']
    kills.finish(tmp_path / 'whole', resume=False, **dict(changes, randomness=dict(seed=seed)))
    assert not kills.differences(*map(kills.left, (tmp_path / 'killed', tmp_path / 'whole')))


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('kill', [
    ('iteration', 1, 8), ('search', 1, 9), ('write iter_', 1, 2)],
    ids=['between iterations', 'inside a search', 'while a checkpoint is written'])
def test_an_iteration_based_run_resumes_alike(iterations, tmp_path, kill):
    kills.killed(tmp_path, kill, **kills.ITERATIONS)
    kills.finish(tmp_path, **kills.ITERATIONS)
    assert not kills.differences(iterations, kills.left(tmp_path))
