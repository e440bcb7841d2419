"""Weight decay on the weights of convolutions and linears only."""
import pytest
import torch
from mmengine.optim import build_optim_wrapper
from tiny import BACKBONE, NECK, TinySegmentor
from torch import nn

from mmst.engine import MaskedOptimWrapper
from mmst.engine.optim import DecayGroupsConstructor
from mmst.errors import ConfigError


@pytest.fixture(scope='module')
def model():
    model = TinySegmentor(dict(BACKBONE, transformer='all'), dict(NECK, transformer='all'))
    model.frozen = nn.Conv2d(2, 2, 1).requires_grad_(False)
    return model


def build(model, **optimizer):
    optimizer = {**dict(type='AdamW', lr=0.04, eps=1e-3, weight_decay=1e-5), **optimizer}
    return build_optim_wrapper(model, dict(
        type='mmst.MaskedOptimWrapper', constructor='mmst.DecayGroupsConstructor',
        optimizer=optimizer, clip_grad=dict(max_norm=1.)))


def test_there_are_two_groups_and_every_trained_parameter_is_in_one(model):
    groups = build(model).optimizer.param_groups
    assert [group['weight_decay'] for group in groups] == [1e-5, 0.]
    assert [(group['lr'], group['eps']) for group in groups] == [(0.04, 1e-3)] * 2
    ids = [id(p) for group in groups for p in group['params']]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(p) for p in model.parameters() if p.requires_grad}


def test_convolutions_and_linears_decay_and_nothing_else(model):
    decayed = {id(p) for p in build(model).optimizer.param_groups[0]['params']}
    for path, module in model.named_modules():
        for name, p in module.named_parameters(recurse=False):
            expected = (name == 'weight' and isinstance(module, (nn.Conv2d, nn.Linear))
                        and p.requires_grad)
            assert (id(p) in decayed) == expected, f'{path}.{name}'
    kinds = {type(m) for m in model.modules()}
    assert {nn.Conv2d, nn.Linear, nn.BatchNorm2d, nn.LayerNorm} <= kinds
    assert id(model.classifier.weight) in decayed and id(model.classifier.bias) not in decayed


def test_the_wrapper_and_its_settings_are_those_of_the_config(model):
    wrapper = build(model)
    assert type(wrapper) is MaskedOptimWrapper and type(wrapper.optimizer) is torch.optim.AdamW
    assert wrapper.clip_grad_kwargs == dict(max_norm=1.)


@pytest.mark.parametrize('optimizer', [dict(type='SGD', momentum=0.9), dict(type='RMSprop'),
                                       dict(type='Adam', fused=False)], ids=lambda o: o['type'])
def test_any_optimizer_is_possible(model, optimizer):
    wrapper = build_optim_wrapper(model, dict(
        type='mmst.MaskedOptimWrapper', constructor='mmst.DecayGroupsConstructor',
        optimizer=dict(optimizer, lr=0.01, weight_decay=0.1)))
    assert type(wrapper.optimizer).__name__ == optimizer['type']
    assert [g['weight_decay'] for g in wrapper.optimizer.param_groups] == [0.1, 0.]


def test_norms_stay_without_decay_when_a_step_is_taken(model):
    """Zero gradients and a large decay: only convolutions and linears move."""
    wrapper = build(model, weight_decay=0.5, lr=0.1)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p) if p.requires_grad else None
    wrapper.step()
    for name, p in model.named_parameters():
        owner = model.get_submodule(name.rpartition('.')[0])
        decays = isinstance(owner, (nn.Conv2d, nn.Linear)) and name.endswith('weight')
        moved = not torch.equal(p, before[name])
        assert moved == (decays and p.requires_grad), name


def test_rules_for_parameters_hold_and_equal_settings_share_a_group(model):
    wrapper = build_optim_wrapper(model, dict(
        type='mmst.MaskedOptimWrapper', constructor='mmst.DecayGroupsConstructor',
        optimizer=dict(type='AdamW', lr=0.04, weight_decay=1e-5),
        paramwise_cfg=dict(custom_keys={'depthwise_bn.weight': dict(lr_mult=5)})))
    groups = wrapper.optimizer.param_groups
    settings = {(round(group['lr'], 6), group['weight_decay']) for group in groups}
    assert settings == {(0.04, 1e-5), (0.04, 0.), (0.2, 1e-5)} and len(groups) == 3
    of = {id(p): (round(g['lr'], 6), g['weight_decay']) for g in groups for p in g['params']}
    for path, module in model.named_modules():
        for name, p in module.named_parameters(recurse=False):
            if not p.requires_grad:
                continue
            own = f'{path}.{name}'
            norm = isinstance(module, (nn.BatchNorm2d, nn.LayerNorm))
            expected = ((0.2, 1e-5) if own.endswith('depthwise_bn.weight')
                        else (0.04, 0. if norm or name == 'bias' else 1e-5))
            assert of[id(p)] == expected, own
    trained = [p for p in model.parameters() if p.requires_grad]
    assert sum(len(group['params']) for group in groups) == len(trained) == len(of)


def by_rules(model, **rules):
    return build_optim_wrapper(model, dict(
        type='mmst.MaskedOptimWrapper', constructor='mmst.DecayGroupsConstructor',
        optimizer=dict(type='AdamW', lr=0.04, weight_decay=1e-5), paramwise_cfg=rules))


def tied():
    """Two layers with one weight."""
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    return model


def test_a_parameter_that_layers_share_is_trained_once_or_refused():
    groups = by_rules(tied(), custom_keys={'0': {}}, bypass_duplicate=True).optimizer.param_groups
    assert [len(group['params']) for group in groups] == [1]
    with pytest.raises(ConfigError, match='bypass_duplicate'):
        by_rules(tied(), custom_keys={'0': {}})


def test_a_constructor_can_be_called_again():
    constructor = DecayGroupsConstructor(
        dict(type='mmst.MaskedOptimWrapper', optimizer=dict(type='SGD', lr=0.1, weight_decay=0.01)))
    decays = [[g['weight_decay'] for g in constructor(nn.Linear(2, 2)).optimizer.param_groups]
              for _ in range(2)]
    assert decays == [[0.01, 0.]] * 2


def test_a_rule_without_keys_is_not_ignored(model):
    wrapper = build_optim_wrapper(model, dict(
        type='mmst.MaskedOptimWrapper', constructor='mmst.DecayGroupsConstructor',
        optimizer=dict(type='AdamW', lr=0.04, weight_decay=1e-5),
        paramwise_cfg=dict(norm_decay_mult=1., bias_decay_mult=1.)))
    assert [g['weight_decay'] for g in wrapper.optimizer.param_groups] == [1e-5]


@pytest.mark.parametrize('form', ['foreach', 'differentiable'])
@pytest.mark.parametrize('wanted', [True, False])
def test_a_form_that_the_config_names_is_not_overruled(model, form, wanted):
    group = build(model, **{form: wanted}).optimizer.param_groups[0]
    assert group[form] is wanted and not group.get('fused')


@pytest.mark.parametrize('rules', [dict(custom_keys={'classifier.weight': dict(lr_mult=0.1)}),
                                   dict(norm_decay_mult=0.)], ids=lambda rules: next(iter(rules)))
def test_rules_hold_with_the_optimizers_own_weight_decay_too(model, rules):
    wrapper = build_optim_wrapper(model, dict(
        type='mmst.MaskedOptimWrapper', constructor='mmst.DecayGroupsConstructor',
        optimizer=dict(type='AdamW', lr=0.04), paramwise_cfg=rules))
    of = {id(p): group['weight_decay'] for group in wrapper.optimizer.param_groups
          for p in group['params']}
    norms = [m.weight for m in model.modules() if isinstance(m, (nn.BatchNorm2d, nn.LayerNorm))]
    assert {of[id(p)] for p in norms} == {0.} and of[id(model.classifier.weight)] == 0.01


@pytest.mark.filterwarnings('ignore:.*weight_norm.*:FutureWarning')
def test_weights_that_are_computed_from_parameters_are_no_obstacle():
    model = nn.Sequential(*(nn.utils.weight_norm(nn.Conv2d(3, 3, 1)) for _ in range(20)),
                          nn.Conv2d(3, 3, 1))
    decayed, others = build(model).optimizer.param_groups
    assert [id(p) for p in decayed['params']] == [id(model[-1].weight)]
    assert len(others['params']) == len(list(model.parameters())) - 1
