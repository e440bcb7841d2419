"""Weights that several layers share: each counts, is pruned and is stored once."""
import pytest
import tiny
import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner
from small_nets import NarrowModel
from torch import nn

from mmst.costs.cost import layer_costs, total
from mmst.deploy.export.sparse_file import load_sparse, save_sparse
from mmst.engine.run.runner_views import averaged_model, unwrap
from mmst.pruning.mask import Mask
from mmst.pruning.prunable import prunable_weights
from mmst.search.units import find_units
from mmst.tickets import Ticket


class Body(nn.Module):
    """Two convolutions of one weight, and one whose weight the classifier has, too."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.one, self.two = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.two.weight = self.one.weight
        self.last = nn.Conv2d(8, tiny.CLASSES, 1)

    def forward(self, x):
        return self.two(self.one(self.stem(x)).relu())


@MODELS.register_module(force=True)
class Tied(BaseModel):
    """It shares weights within the backbone and across parts."""

    def __init__(self, data_preprocessor=None, init_cfg=None):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = Body()
        self.classifier = nn.Conv2d(8, tiny.CLASSES, 1)
        self.classifier.weight = self.backbone.last.weight

    def forward(self, inputs, labels=None, mode='tensor'):
        out = self.classifier(self.backbone(inputs))
        out = nn.functional.avg_pool2d(out, 4) if len(out) > 1 else out
        if mode == 'loss':
            return dict(loss=nn.functional.cross_entropy(out, labels))
        return list(out.split(1)) if mode == 'predict' else out


PRUNED = ['backbone.stem.weight', 'backbone.one.weight']
WEIGHTS = 8 * 3 * 9 + 8 * 8 * 9


@pytest.fixture(scope='module')
def runner(tmp_path_factory):
    cfg = tiny.config(tmp_path_factory.mktemp('tied'), 2, search=False, recalibrate=False,
                      ticket=dict(input_shape=tiny.SIZE),
                      prune=dict(sparsity=0.6, reactivation=None, schedule='one_shot'))
    cfg.model = ConfigDict(type='Tied')
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


@pytest.fixture(scope='module')
def ticket(runner):
    return Ticket.load(f'{runner.work_dir}/ticket.pth')


def test_each_weight_is_prunable_once_and_only_where_all_its_layers_are():
    assert list(prunable_weights(Tied())) == PRUNED
    assert list(prunable_weights(Tied(), leave_alone=['backbone.two'])) == PRUNED[:1]
    everything = list(prunable_weights(Tied(), parts=['backbone', 'classifier']))
    assert everything == [*PRUNED, 'backbone.last.weight']


def test_a_name_is_the_one_that_the_network_gives_the_weight():
    model = Tied()
    model.backbone.table = nn.Embedding(8, 8)
    model.backbone.line = nn.Linear(8, 8)
    model.backbone.line.weight = model.backbone.table.weight
    names = set(prunable_weights(model))
    assert names == {*PRUNED, 'backbone.table.weight'} < dict(model.named_parameters()).keys()


def test_the_sparsity_is_that_of_the_weights_as_they_are(runner, ticket):
    assert list(ticket.mask) == PRUNED and ticket.mask.total == WEIGHTS
    assert ticket.sparsity == pytest.approx(0.6, abs=1 / WEIGHTS)
    for model in (unwrap(runner), averaged_model(runner).module, ticket.build()):
        zeros = sum(int((w == 0).sum()) for w in prunable_weights(model).values())
        assert zeros == ticket.mask.pruned
        assert model.backbone.one.weight is model.backbone.two.weight


def test_another_mask_holds_in_all_layers_of_a_weight(ticket):
    kept = {name: torch.zeros_like(t) for name, t in ticket.mask.items()}
    for again in (ticket, ticket.with_weights(ticket.state_dict)):
        network = again.with_mask(Mask(kept)).build()
        assert not network.backbone.one.weight.any() and not network.backbone.two.weight.any()


def test_a_sparse_file_holds_a_weight_once(ticket, tmp_path):
    printed = save_sparse(ticket, tmp_path / 'ticket.bin')
    assert printed['weights'] == WEIGHTS and printed['kept'] == WEIGHTS - ticket.mask.pruned
    again = load_sparse(tmp_path / 'ticket.bin')
    assert list(again.state_dict) == list(ticket.state_dict)
    assert all(torch.equal(t, ticket.state_dict[n]) for n, t in again.state_dict.items())
    kept = {name: torch.zeros_like(t) for name, t in ticket.mask.items()}
    assert not again.with_mask(Mask(kept)).build().backbone.two.weight.any()


def test_costs_count_parameters_once_and_work_each_time(ticket):
    model = ticket.build()
    costs = total(layer_costs(model, (5, 7), ticket.mask))
    assert costs['params'] == sum(p.numel() for p in model.parameters())
    positions = 5 * 7
    kept = {name: int(t.sum()) for name, t in ticket.mask.items()}
    assert costs['macs'] == positions * (WEIGHTS + 8 * 8 * 9 + 8 * tiny.CLASSES)
    assert costs['sparse_macs'] == pytest.approx(positions * (
        kept[PRUNED[0]] + 2 * kept[PRUNED[1]] + 8 * tiny.CLASSES))
    assert costs['nonzero'] == costs['params'] - ticket.mask.pruned


def test_units_of_a_module_that_shares_a_weight_with_another_are_left_alone():
    model = NarrowModel(transformer='none')
    names = list(find_units(model))
    paths = [name.rpartition('.')[0] for name in names]
    one, two = (model.get_submodule(path) for path in paths[:2])
    two.project.weight = one.project.weight
    assert list(find_units(model)) == names[2:]
    outside = NarrowModel(transformer='none')
    outside.classifier.weight = outside.get_submodule(paths[0]).project.weight
    assert list(find_units(outside)) == names[1:]
