"""Matrices of linear maps under other names, and weights that do not act as they are."""
import copy

import pytest
import torch
from mmcv.cnn.bricks.conv_ws import ConvAWS2d, ConvWS2d
from mmcv.cnn.bricks.wrappers import Conv2d as WrappedConv2d
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from mmst.engine.optim import MaskedOptimWrapper
from mmst.errors import ConfigError
from mmst.pruning.acting import check_zeros_act
from mmst.pruning.prunable import prunable_weights, with_new_kinds


def network(**layers):
    model = nn.Module()
    model.backbone = nn.ModuleDict(dict(plain=nn.Conv2d(3, 4, 3), **layers))
    return model


@pytest.mark.parametrize('layer, names', [
    (nn.MultiheadAttention(6, 2), ['in_proj_weight', 'out_proj.weight']),
    (nn.MultiheadAttention(6, 2, kdim=4, vdim=5, add_bias_kv=True), [
        'q_proj_weight', 'k_proj_weight', 'v_proj_weight', 'out_proj.weight']),
    (nn.LSTM(3, 4, bidirectional=True, proj_size=2), [
        f'weight_{kind}_l0{way}' for way in ('', '_reverse') for kind in ('ih', 'hh', 'hr')]),
    (nn.GRUCell(3, 4), ['weight_ih', 'weight_hh']), (nn.Bilinear(2, 3, 4), ['weight']),
    (nn.ConvTranspose1d(2, 3, 2), ['weight']), (nn.Embedding(3, 4), []), (nn.LayerNorm(4), []),
    (nn.TransformerEncoderLayer(6, 2, 8), ['self_attn.in_proj_weight', 'self_attn.out_proj.weight',
                                          'linear1.weight', 'linear2.weight'])])
def test_matrices_of_linear_maps_are_prunable_whatever_their_names(layer, names):
    weights = prunable_weights(network(layer=layer))
    assert list(weights) == ['backbone.plain.weight', *(f'backbone.layer.{n}' for n in names)]


def test_a_class_of_a_package_that_is_not_there_is_known_by_its_path():
    kind = type('TridentConv', (nn.Module, ), dict(
        __module__='mmdet.models.backbones.trident_resnet'))
    layer = kind()
    layer.weight, layer.scale = nn.Parameter(torch.ones(2, 2, 1, 1)), nn.Parameter(torch.ones(2, 2))
    assert 'backbone.layer.weight' in prunable_weights(network(layer=layer))
    assert 'backbone.layer.scale' not in prunable_weights(network(layer=layer))


def test_pruned_input_projections_stay_zero_and_act_as_zeros():
    attention = nn.MultiheadAttention(6, 2, batch_first=True)
    model = network(attention=attention)
    weight = prunable_weights(model)['backbone.attention.in_proj_weight']
    wrapper = MaskedOptimWrapper(optimizer=torch.optim.AdamW(model.parameters(), lr=0.1))
    pruned = torch.zeros_like(weight, dtype=torch.bool)
    pruned[:, 2] = True  # nothing of the third feature
    wrapper.set_masks({weight: pruned})
    for _ in range(3):
        x = torch.randn(2, 5, 6)
        wrapper.update_params(attention(x, x, x)[0].square().mean())
        assert not weight[pruned].any() and weight[~pruned].all()
    x = torch.randn(2, 5, 6)
    other = x.clone()
    other[..., 2] += 1
    assert torch.equal(*(attention(t, t, t)[0] for t in (x, other)))


COMPUTED = dict(
    weight_norm=lambda m: weight_norm(m), spectral_norm=lambda m: spectral_norm(m),
    new_weight_norm=lambda m: parametrizations.weight_norm(m),
    new_spectral_norm=lambda m: parametrizations.spectral_norm(m),
    orthogonal=lambda m: parametrizations.orthogonal(m),
    pruned_by_torch=lambda m: prune.l1_unstructured(m, 'weight', 0.5))


@pytest.mark.parametrize('name', COMPUTED)
@pytest.mark.parametrize('make', [lambda: nn.Conv2d(3, 4, 3), lambda: nn.Linear(3, 4)])
@pytest.mark.filterwarnings('ignore:.*weight_norm.*:FutureWarning')
def test_weights_that_are_computed_again_are_refused_or_left_alone(name, make):
    model = network(layer=COMPUTED[name](make()), other=COMPUTED[name](make()))
    with pytest.raises(ConfigError, match=r'backbone.layer.weight \(and 1 more\) is computed.*'
                                          r"Remedy: .*leave_alone=\['backbone.layer'\]"):
        prunable_weights(model)
    assert list(prunable_weights(model, leave_alone=['backbone.layer', 'backbone.other'])) == [
        'backbone.plain.weight']


@pytest.mark.filterwarnings('ignore:.*weight_norm.*:FutureWarning')
def test_computed_matrices_of_other_modules_are_refused_too():
    for layer in (weight_norm(nn.LSTM(3, 4), 'weight_hh_l0'), parametrizations.weight_norm(
            nn.MultiheadAttention(6, 2), 'in_proj_weight')):
        with pytest.raises(ConfigError, match='is computed from other parameters'):
            prunable_weights(network(layer=layer))


@pytest.mark.parametrize('kind, acts', [
    (ConvWS2d, False), (ConvAWS2d, False), (WrappedConv2d, True), (nn.Conv2d, True)])
def test_layers_that_change_their_weights_are_refused(kind, acts):
    model = network(layer=kind(8, 4, 3, groups=2))
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    if acts:
        check_zeros_act(model, prunable_weights(model))
    else:
        with pytest.raises(ConfigError, match=r'backbone.layer.*changes its weight.*leave_alone'):
            check_zeros_act(model, prunable_weights(model))
        check_zeros_act(model, prunable_weights(model, leave_alone=['backbone.layer']))
    assert all(torch.equal(t, before[n]) for n, t in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize('make', [
    lambda base: type('Own', (base, ), dict(forward=base.forward))(4, 6, 3),
    lambda base: type('Own', (base, ), dict(forward=lambda m, x: 2 * base.forward(m, x)))(4, 6, 3)])
@pytest.mark.parametrize('base', [nn.Conv1d, nn.ConvTranspose2d, nn.Conv3d])
def test_layers_of_other_classes_that_use_their_weights_as_they_are_pass(make, base):
    model = network(layer=make(base))
    check_zeros_act(model, prunable_weights(model))


def test_masks_of_versions_that_pruned_fewer_kinds_go_on():
    model = network(attention=nn.MultiheadAttention(6, 2))
    weights = prunable_weights(model)
    former = {n: torch.rand(w.shape) < 0.5 for n, w in weights.items() if n.endswith('.weight')}
    kept = with_new_kinds(former, weights, model)
    assert set(kept) == set(weights) and kept['backbone.attention.in_proj_weight'].all()
    del former['backbone.plain.weight']  # another config's
    assert set(with_new_kinds(former, weights, model)) != set(weights)
