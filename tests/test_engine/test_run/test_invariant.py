"""``PruneHook(debug=True)``: pruned weights that drift are found at the step where they do."""
import pytest
import torch
from tiny import averaged_model, find_hook, make, run, timeline, unwrap

from mmst.engine import PruneHook
from mmst.errors import TrainingError


def drift(where, iteration, amount=1e-8):
    """A probe that moves one pruned weight after the optimizer's step of an iteration."""

    @torch.no_grad()
    def act(runner):
        if runner.iter + 1 == iteration:
            weights = find_hook(runner, PruneHook).weights(runner)
            name, weight = list(weights.items())[3]
            pruned = runner.optim_wrapper.masks[weight]['pruned']
            model = unwrap(runner) if where == 'current' else averaged_model(runner).module
            tensor = dict(model.named_parameters())[name]
            tensor.view(-1)[pruned.view(-1).nonzero()[0]] = amount
            found.append(name)

    found = []
    return found, (60, dict(after_train_iter=act))


def drifting(tmp_path, probe, **prune):
    return make(tmp_path, 4, probes=[probe], search=dict(interval=4),
                prune=dict(sparsity=0.9, schedule='one_shot', **prune))


@pytest.mark.parametrize('where, words', [('current', ''), ('averaged', 'averaged ')])
def test_a_pruned_weight_that_moves_is_named_at_that_step(tmp_path, where, words):
    found, probe = drift(where, 5)
    runner = drifting(tmp_path, probe, debug=True)
    with pytest.raises(TrainingError) as error:
        runner.train()
    assert runner.iter + 1 == 5
    assert f'1 pruned weights of {words}{found[0]} are not 0 (up to 1e-08)' in str(error.value)
    assert 'Remedy: ' in str(error.value)


def test_it_is_off_by_default(tmp_path):
    found, probe = drift('current', 5)
    drifting(tmp_path, probe).train()
    assert found


@pytest.mark.parametrize('optimizer', [
    dict(type='SGD', lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-2),
    dict(type='AdamW', lr=0.01, weight_decay=1e-2), dict(type='RMSprop', lr=0.01, momentum=0.9)])
def test_nothing_drifts_through_searches_prunes_and_reactivations(tmp_path, optimizer):
    runner = run(tmp_path, 5, optimizer=optimizer, prune=dict(sparsity=0.4, debug=True),
                 search=dict(interval=3))
    assert timeline(runner, 'search', 'reactivate') == [('search', 3), ('reactivate', 3)]
