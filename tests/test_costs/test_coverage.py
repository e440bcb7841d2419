"""Shares of a network that a run prunes, searches, or leaves alone."""
import torch
from tiny import BACKBONE, NECK, TinySegmentor
from torch import nn

from mmst.costs.coverage import coverage
from mmst.pruning.prunable import prunable_weights
from mmst.search.units import find_units


def make():
    return TinySegmentor(BACKBONE, NECK)


def test_each_parameter_counts_once_and_what_is_neither_adds_up():
    model = make()
    weights = prunable_weights(model)
    found = coverage(model, weights, (), ('backbone', 'neck'))
    assert found.total == sum(p.numel() for p in model.parameters())
    assert found.prunable == sum(w.numel() for w in weights.values()) and not found.searched
    assert found.prunable + sum(found.left_out.values()) == found.total
    assert found.left_out['classifier'] == sum(p.numel() for p in model.classifier.parameters())
    assert {name.partition(' of ')[0] for name in found.left_out} == {
        'classifier', 'norms and biases'}


def test_searched_modules_are_those_of_the_groups():
    model = make()
    groups = list(find_units(model))
    found = coverage(model, {}, groups)
    paths = {group.rpartition('.')[0] for group in groups}
    assert found.searched == sum(p.numel() for path in paths
                                 for p in model.get_submodule(path).parameters())
    assert coverage(model, {}, groups[:1]).searched < found.searched


def test_tensors_that_are_no_matrix_of_a_known_layer_are_named():
    model = make()
    model.backbone.positions = nn.Parameter(torch.ones(50, 40))
    model.backbone.table = nn.Embedding(100, 30)
    found = coverage(model, prunable_weights(model), (), ('backbone', 'neck'))
    assert list(found.left_out)[:2] == ['backbone.table.weight', 'backbone.positions']
    line = found.line(largest=1)
    assert f'(backbone.table.weight {3000 / found.total:.1%}, other ' in line
    assert f'of {found.total:,} parameters {found.prunable / found.total:.1%} are prunable' in line
