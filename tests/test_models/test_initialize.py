"""Initial weights per kind of layer. Global magnitude pruning depends on them."""
from math import sqrt

import pytest
import torch
from torch import nn

from mmst.errors import ConfigError
from mmst.models import HRNASSupernet, SearchBlock, SupernetInit
from mmst.models.lightweight_transformer import LightweightTransformer
from mmst.models.mixconv import MixConv


def assert_normal(weight, std):
    """Mean 0 and the standard deviation, each within five standard errors, and a normal's tails."""
    values = weight.detach().flatten().double()
    count = len(values)
    assert count >= 1000
    assert abs(values.mean()) < 5 * std / sqrt(count)
    assert abs(values.std() / std - 1) < 5 / sqrt(2 * count)
    assert values.abs().max() > 2.5 * std


def assert_uniform(weight, bound):
    values = weight.detach().flatten().double()
    count = len(values)
    assert count >= 1000
    assert 0.99 * bound < values.abs().max() <= bound
    assert abs(values.mean()) < 5 * bound / sqrt(3 * count)
    assert abs(values.std() / (bound / sqrt(3)) - 1) < 5 / sqrt(count)


def initialised(module, **kwargs):
    SupernetInit(**kwargs)(module)
    return module


@pytest.mark.parametrize('k', [1, 3])
def test_convolution_is_normal_by_fan_out(k):
    assert_normal(initialised(nn.Conv2d(64, 48, k)).weight, sqrt(2 / (k * k * 48)))


@pytest.mark.parametrize('k', [3, 5, 7])
def test_fan_out_of_a_depthwise_convolution_is_its_kernel_area(k):
    conv = initialised(nn.Conv2d(512, 512, k, groups=512))
    assert_normal(conv.weight, sqrt(2 / (k * k)))


def test_fan_out_of_a_grouped_convolution_counts_all_outputs():
    residual = initialised(SearchBlock(480, 640, transformer='none')).residual
    assert residual.groups == 160
    assert_normal(residual.weight, sqrt(2 / 640))


def test_joint_expansion_is_initialised_per_kernel_size():
    mixconv = initialised(MixConv(32, 48))
    assert mixconv.expand.weight.shape[0] == 3 * 128
    for part in mixconv.expand.weight.split(128):
        assert_normal(part, sqrt(2 / 128))
    assert_normal(mixconv.project.weight, sqrt(2 / 48))


def test_joint_depthwise_convolutions_are_initialised_by_their_own_size():
    mixconv = initialised(MixConv(128, 8))
    for k, conv in zip((3, 5, 7), mixconv.depthwise):
        assert_normal(conv.weight, sqrt(2 / (k * k)))


def test_linear_is_uniform_by_fan_out():
    assert_uniform(initialised(nn.Linear(256, 100)).weight, 1 / sqrt(100))


def test_transformer_is_xavier_uniform_queries_and_projections_included():
    path = initialised(LightweightTransformer(62, 80, 64))
    expected = {name: p for name, p in path.named_parameters() if p.dim() > 1}
    assert {'queries', 'input_proj.weight', 'output_proj.weight'} < set(expected)
    assert len(expected) == 3 + 2 * 6
    for p in expected.values():
        assert_uniform(p, sqrt(6 / (p.shape[0] + p.shape[1])))


def test_norms_are_one_and_zero_and_biases_zero():
    model = nn.Sequential(SearchBlock(4, 6), nn.Conv2d(6, 3, 1), nn.Linear(4, 5))
    for p in model.parameters():
        nn.init.constant_(p, 7.)
    initialised(model)
    norms = [m for m in model.modules() if isinstance(m, (nn.BatchNorm2d, nn.LayerNorm))]
    assert len(norms) == 3 + 2 + 4
    for m in norms:
        assert (m.weight == 1).all() and (m.bias == 0).all()
    assert (model[1].bias == 0).all() and (model[2].bias == 0).all()
    assert not any((p == 7).any() for p in model.parameters())


def test_pose_has_one_deviation_for_every_convolution():
    block = initialised(SearchBlock(48, 64, 2), conv_std=0.001)
    assert_normal(block.mixconv.expand.weight, 0.001)
    assert_normal(block.mixconv.depthwise[1].weight, 0.001)
    assert_normal(block.mixconv.project.weight, 0.001)
    assert_normal(initialised(nn.Conv2d(64, 17, 1), conv_std=0.001).weight, 0.001)
    assert_uniform(block.transformer.queries, sqrt(6 / 128))
    assert_uniform(block.transformer.input_proj.weight, sqrt(6 / (50 + 64)))


@pytest.mark.parametrize('conv_std', [0, -0.1])
def test_a_deviation_that_is_not_positive_is_refused(conv_std):
    with pytest.raises(ConfigError, match=r'conv_std = .*Remedy'):
        SupernetInit(conv_std=conv_std)


def test_dead_paths_are_passed_over():
    block = SearchBlock(4, 6)
    block.resize({3: 0, 5: 0, 7: 0}, 0)
    initialised(block)
    block.resize({3: 2, 5: 0, 7: 1}, 0)
    initialised(block)


def test_backbone_initialises_itself_through_its_config():
    config = dict(stem_channels=(64, 40), channels=((4, ), ), depths=((1, ), ), tokens=2)
    model = HRNASSupernet(init_cfg=dict(type='mmst.SupernetInit', conv_std=0.001), **config)
    model.init_weights()
    assert_normal(model.stem[1].conv.weight, 0.001)
    torch.manual_seed(3)
    model = HRNASSupernet(**config)
    model.init_weights()
    assert_normal(model.stem[1].conv.weight, sqrt(2 / (9 * 40)))


def test_same_seed_gives_same_weights():
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(initialised(SearchBlock(4, 6)).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
