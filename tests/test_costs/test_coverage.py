"""Shares of a network that a run prunes, searches, or leaves alone."""
import any_nets
import torch
from tiny import BACKBONE, NECK, TinySegmentor
from torch import nn

from mmst.costs.coverage import coverage
from mmst.pruning.prunable import prunable_weights
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
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


def test_coupled_channels_lie_in_all_layers_that_make_normalise_or_read_them():
    model = any_nets.Read(any_nets.Residual).eval()
    attach(model, find_plan(model, (16, 16)))
    groups = find_units(model)
    found = coverage(model, {}, groups)
    # All but the biases and the rows of the class scores, whose columns are those of the stream.
    assert found.searched == found.total - model.classifier.bias.numel()
    hidden = coverage(model, {}, ['body.one.0.0.channels'])
    one = model.body.one
    assert hidden.searched == sum(p.numel() for p in (
        one[0][0].weight, one[0][1].weight, one[0][1].bias, one[2][0].weight))


def test_tensors_that_are_no_matrix_of_a_known_layer_are_named():
    model = make()
    model.backbone.positions = nn.Parameter(torch.ones(50, 40))
    model.backbone.table = nn.Embedding(100, 30)
    found = coverage(model, prunable_weights(model), (), ('backbone', 'neck'))
    assert list(found.left_out)[:2] == ['backbone.table.weight', 'backbone.positions']
    line = found.line(largest=1)
    assert f'(backbone.table.weight {3000 / found.total:.1%}, other ' in line
    assert f'of {found.total:,} parameters {found.prunable / found.total:.1%} are prunable' in line
