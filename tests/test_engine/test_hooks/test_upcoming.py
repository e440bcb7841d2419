"""The next events of a run."""
import pytest
from tiny import make

from mmst.engine.hooks.upcoming import due_sparsity, multiple_after, upcoming


def test_the_next_search_prune_and_evaluation_are_reported_until_the_end(tmp_path):
    runner = make(tmp_path, 7, val=3, search=dict(interval=3), prune=dict(interval=2, sparsity=0.9))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner._val_loop = runner.build_val_loop(runner._val_loop)
    assert upcoming(runner, 2) == [
        'search in epoch 3', 'prune in epoch 4 (to 20%)', 'evaluation in epoch 3']
    assert upcoming(runner, 6) == ['prune in epoch 7 (to 90%)', 'evaluation in epoch 7']
    assert upcoming(runner, 7) == []
    assert [due_sparsity(runner, step) for step in (1, 4, 7)] == [0, 0.2, 0.9]


def test_runs_that_draw_no_mask_have_no_prune_to_come(tmp_path):
    runner = make(tmp_path, 4, prune=False, search=dict(interval=3))
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    assert upcoming(runner, 0) == ['search in epoch 3'] and due_sparsity(runner, 2) is None


@pytest.mark.parametrize('step, after', [(0, 3), (2, 3), (3, 6), (4, 6)])
def test_multiples_come_after_the_step(step, after):
    assert multiple_after(step, 3) == after
