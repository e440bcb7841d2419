"""kill -9 of a real process, wherever it strikes: the resumed run ends bit for bit like one that was
never stopped."""
import kills
import pytest

#: Point, epoch, passage, and whether the kill strikes after it rather than before. Of four epochs
#: all prune, the second and the fourth search and validate.
KILLS = {
    'before the first checkpoint': ('forward', 1, 2),
    'between two epochs': ('epoch', 3),
    'in the middle of an epoch': ('forward', 3, 3),
    'in a step, before the masking': ('penalty and masking', 2, 2),
    'in a step, before pruned weights are zeroed': ('zeroing', 4, 2),
    'before the average is updated': ('averaging', 3, 2),
    'inside a search': ('search', 4, 7),
    'inside a reactivation': ('reactivation', 4),
    'inside a prune': ('prune', 3, 1, True),
    'with masks half in force': ('masks in force', 2, 1, True),
    'inside a recalibration': ('recalibration', 4, 2),
    'while a checkpoint is written': ('write epoch_', 3),
    'while a checkpoint is renamed': ('rename epoch_', 3),
    'before last_checkpoint is written': ('saving', 2, 1, True),
    'while a ticket is written': ('write ticket', 3),
    'while the last ticket is written': ('write ticket', 4, 2),
    'inside a validation': ('validation', 3, 2),
    'while the best checkpoint is written': ('write best_', 3),
    'inside the last validation': ('validation', 5),
}


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp('uninterrupted')
    kills.finish(folder, resume=False)
    return kills.saved(folder)


@pytest.mark.parametrize('kill', KILLS.values(), ids=KILLS)
def test_resumed_run_ends_like_an_uninterrupted_one(uninterrupted, tmp_path, kill):
    kills.killed(tmp_path, kill)
    kills.finish(tmp_path)
    assert not kills.differences(uninterrupted, kills.saved(tmp_path))
    assert not list(tmp_path.rglob('*.tmp'))
