"""Gradients for criteria: exact, and nothing is left behind."""
import random

import numpy as np
import pytest
import torch
from mmengine.dataset import default_collate
from small_nets import randomise_norms
from tiny import BACKBONE, NECK, TinyImages, TinySegmentor, make, run, unwrap

from mmst.engine.run.batches import criterion_gradients
from mmst.errors import ConfigError
from mmst.pruning.criteria import Gradient
from mmst.pruning.gradients import loss_gradients
from mmst.pruning.prunable import prunable_weights


def segmentor():
    return randomise_norms(TinySegmentor(BACKBONE, NECK)).train()


def batches(count=2):
    images = TinyImages(4 * count)
    return [default_collate([images[4 * i + j] for j in range(4)]) for i in range(count)]


def test_gradients_are_those_of_the_summed_losses_in_eval_mode():
    model = segmentor()
    weights = prunable_weights(model)
    found = loss_gradients(model, weights, batches())
    model.eval()
    for batch in batches():
        model(**batch, mode='loss')['loss'].backward()
    for name, weight in weights.items():
        torch.testing.assert_close(found[name], weight.grad)
    assert any(g.abs().sum() > 0 for g in found.values())


def test_model_and_gradients_are_left_as_they_were():
    model = segmentor()
    model.neck.eval()
    modes = [m.training for m in model.modules()]
    weights = prunable_weights(model)
    for p in model.parameters():
        p.grad = torch.full_like(p, 0.5)
    before = {name: t.clone() for name, t in model.state_dict().items()}
    loss_gradients(model, weights, batches())
    assert modes == [m.training for m in model.modules()]
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert all(bool((p.grad == 0.5).all()) for p in model.parameters())


def test_no_batch_is_refused():
    model = segmentor()
    with pytest.raises(ConfigError, match=r'training data.*Remedy'):
        loss_gradients(model, prunable_weights(model), [])


def test_gradients_from_a_runner_leave_its_random_state(tmp_path):
    runner = make(tmp_path, noise=0.1)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    weights = prunable_weights(unwrap(runner))
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    found = [criterion_gradients(runner, Gradient(2), weights, seed=7) for _ in range(2)]
    assert all(torch.equal(found[0][name], found[1][name]) for name in weights)
    assert states[0] == random.getstate() and states[1] == np.random.get_state()[1].tolist()
    assert torch.equal(states[2], torch.get_rng_state())


@pytest.mark.parametrize('criterion', ['random', dict(type='gradient', batches=2),
                                       dict(type='random', seed=4)])
def test_a_run_prunes_by_criterion_and_repeats(tmp_path, criterion):
    masks = []
    for name in 'ab':
        runner = run(tmp_path / name, 2, length=4, noise=0.1, prune=dict(
            sparsity=0.7, criterion=criterion, schedule='one_shot', reactivation=None))
        masks.append([state['pruned'] for state in runner.optim_wrapper.masks.values()])
    assert all(torch.equal(a, b) for a, b in zip(*masks, strict=True))
    share = sum(int(m.sum()) for m in masks[0]) / sum(m.numel() for m in masks[0])
    assert abs(share - 0.7) < 0.01
