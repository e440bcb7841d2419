"""Which weights are prunable."""
import pytest
import torch
from tiny import BACKBONE, NECK, TinySegmentor
from torch import nn

from mmst.errors import ConfigError
from mmst.models.hrnas.lightweight_transformer import LightweightTransformer
from mmst.pruning.prunable import prunable_weights
from mmst.search.surgery import Cut
from mmst.search.units import find_units


@pytest.fixture(scope='module')
def model():
    return TinySegmentor(dict(BACKBONE, transformer='all'), dict(NECK, transformer='all'))


def test_all_weights_of_convolutions_and_linears_of_backbone_and_neck_are_prunable(model):
    expected = {f'{name}.weight' for name, m in model.named_modules()
                if isinstance(m, (nn.Conv2d, nn.Linear)) and not name.startswith('classifier')}
    weights = prunable_weights(model)
    assert set(weights) == expected
    assert any('attention' in name for name in weights)
    assert any('feedforward' in name for name in weights)
    assert any(name.startswith('neck.') for name in weights)
    assert all(weight is model.get_parameter(name) for name, weight in weights.items())


def test_classifier_biases_norms_and_queries_are_not(model):
    weights = prunable_weights(model)
    others = [name for name, _ in model.named_parameters() if name not in weights]
    assert {'classifier.weight', 'classifier.bias'} < set(others)
    assert any(name.endswith('queries') for name in others)
    for name in others:
        owner = model.get_submodule(name.rpartition('.')[0])
        assert (isinstance(owner, (nn.BatchNorm2d, nn.LayerNorm, LightweightTransformer))
                or name.startswith('classifier.'))


def test_a_switch_leaves_transformers_out(model):
    names = set(prunable_weights(model, transformers=False))
    assert names == {name for name in prunable_weights(model) if '.transformer.' not in name}
    assert len(names) < len(prunable_weights(model))


@pytest.mark.parametrize('parts', [['backbone'], ['neck'], ['classifier'], ['neck', 'classifier']])
def test_parts_are_chosen_by_name(model, parts):
    weights = prunable_weights(model, parts=parts)
    assert {name.split('.')[0] for name in weights} == set(parts)
    assert all(isinstance(weight, nn.Parameter) and weight.dim() > 1 for weight in weights.values())


def test_a_part_that_the_model_lacks_is_passed_over(model):
    assert set(prunable_weights(model, parts=['neck', 'nothing'])) == set(
        prunable_weights(model, parts=['neck']))


@pytest.mark.parametrize('pattern,gone', [
    ('backbone.stem', 'backbone.stem.'),
    ('backbone.stem*', 'backbone.stem.'),
    ('backbone.stem.0.conv', 'backbone.stem.0.conv.'),
    ('neck.block.mixcon?', 'neck.block.mixconv.'),
    ('neck', 'neck.'),
])
def test_layers_are_left_alone_by_path_and_wildcard(model, pattern, gone):
    left = set(prunable_weights(model, leave_alone=[pattern]))
    everything = set(prunable_weights(model))
    assert everything - left == {name for name in everything if name.startswith(gone)} != set()


def test_a_pattern_covers_whole_names_only(model):
    with pytest.raises(ConfigError, match=r'backbone.ste\''):
        prunable_weights(model, leave_alone=['backbone.ste'])


def test_a_pattern_that_names_nothing_is_refused(model):
    with pytest.raises(ConfigError, match=r'leave_alone.*bakbone.*Remedy'):
        prunable_weights(model, leave_alone=['bakbone.*'])


def test_a_pattern_of_a_layer_that_is_not_prunable_anyway_is_fine(model):
    assert set(prunable_weights(model, leave_alone=['classifier'])) == set(prunable_weights(model))


@pytest.mark.parametrize('settings', [dict(parts=[]), dict(parts=['head']),
                                      dict(leave_alone=['*'])])
def test_nothing_to_prune_is_refused(model, settings):
    with pytest.raises(ConfigError, match='no prunable weight'):
        prunable_weights(model, **settings)


def test_weights_that_the_search_has_emptied_do_not_count():
    model = TinySegmentor(BACKBONE, NECK)
    before = set(prunable_weights(model))
    next(iter(find_units(model).values())).keep(torch.tensor([], dtype=torch.long), Cut())
    after = prunable_weights(model)
    assert before - set(after) and all(weight.numel() for weight in after.values())
