"""The batches that a criterion asks a run for."""
from types import SimpleNamespace

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import DataLoader

from mmst.engine.run.batches import criterion_gradients, show_inputs, training_batches
from mmst.errors import ConfigError
from mmst.pruning.criteria.base import Criterion


class Wanting(Criterion):
    """Wants gradients, and inputs, of two batches."""
    needs_gradients = needs_inputs = True
    batches = 2

    def __init__(self):
        self.seen = []

    def score(self, weights, gradients):
        return {name: gradients[name].abs() for name in weights}

    def observe(self, model, weights, run):
        handle = model.layer.register_forward_pre_hook(lambda _, args: self.seen.append(args[0]))
        run()
        handle.remove()


class Net(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)

    def forward(self, inputs, mode='tensor'):
        out = self.layer(inputs)
        return dict(loss=out.sum()) if mode == 'loss' else out


def run_of(data=True):
    """A run over the images 0 to 7, in batches of three."""
    images = [dict(inputs=torch.tensor([float(i)])) for i in range(8)]
    loader = DataLoader(images, 3, shuffle=True, drop_last=True) if data else None
    return SimpleNamespace(model=Net(), train_dataloader=loader, _train_dataloader=loader,
                           seed=0)


def images_of(batches):
    return [image for batch in batches for image in batch['inputs'].flatten().tolist()]


def test_batches_are_of_the_runs_size_and_the_same_for_a_seed():
    run = run_of()
    first, again, other = (list(training_batches(run, 2, seed)) for seed in (0, 0, 1))
    assert [len(batch['inputs']) for batch in first] == [3, 3]
    assert images_of(first) == images_of(again) != images_of(other)
    assert [len(batch['inputs']) for batch in training_batches(run, 9, 0)] == [3, 3]  # drop_last
    assert [len(batch['inputs']) for batch in training_batches(run, 3, 0, batch_size=1)] == [1] * 3


def test_gradients_are_summed_over_as_many_batches_as_the_criterion_asks_for():
    run = run_of()
    weights = dict(run.model.named_parameters())
    found = criterion_gradients(run, Wanting(), weights, 0)
    wanted = sum(images_of(training_batches(run, 2, 0)))
    assert abs(found['layer.weight'].item()) == pytest.approx(wanted)
    given = [dict(inputs=torch.tensor([[5.]]))]
    found = criterion_gradients(run, Wanting(), weights, 0, given)
    assert abs(found['layer.weight'].item()) == pytest.approx(5)


def test_inputs_are_shown_of_the_same_batches():
    run, criterion = run_of(), Wanting()
    show_inputs(run, criterion, run.model, {}, 0)
    assert torch.cat(criterion.seen).flatten().tolist() == images_of(training_batches(run, 2, 0))


def test_a_criterion_that_needs_nothing_asks_for_no_data():
    run, plain = run_of(data=False), SimpleNamespace()
    assert criterion_gradients(run, plain, {}, 0) == {}
    show_inputs(run, plain, run.model, {}, 0)


@pytest.mark.parametrize('ask', [
    lambda run: criterion_gradients(run, Wanting(), {}, 0, key='prune.criterion'),
    lambda run: show_inputs(run, Wanting(), run.model, {}, 0, key='prune.criterion')])
def test_without_training_data_the_criterion_is_named(ask):
    with pytest.raises(ConfigError, match=r'^prune\.criterion = .*no train_dataloader'):
        ask(run_of(data=False))
