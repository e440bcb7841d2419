"""Initial weights per kind of layer. Global magnitude pruning depends on them."""
from math import sqrt
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import WEIGHT_INITIALIZERS as INITIALIZERS
from torch import nn

from mmst.errors import ConfigError
from mmst.models import HRNASSupernet, SearchBlock, SupernetInit
from mmst.models.hrnas.lightweight_transformer import LightweightTransformer
from mmst.models.hrnas.mixconv import MixConv

CONFIGS = Path(__file__).parents[2] / 'configs'


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
    for k, conv in zip((3, 5, 7), mixconv.depthwise, strict=True):
        assert_normal(conv.weight, sqrt(2 / (k * k)))


def test_linear_is_uniform_by_fan_out():
    assert_uniform(initialised(nn.Linear(256, 100)).weight, 1 / sqrt(100))


#: Root mean square of the initial weights of a Transformer with 64 tokens from 62 to 80 channels.
#: A uniform distribution of bound b has b / sqrt(3).
FAN_OUT_1X1 = dict(input_proj=sqrt(2 / 64), output_proj=sqrt(2 / 80))
JOINT = sqrt(6 / (192 + 64)) / sqrt(3)
BY_FAN_OUT = dict(
    FAN_OUT_1X1, queries=sqrt(6 / 128) / sqrt(3), query=JOINT, key=JOINT, value=JOINT,
    out=1 / 8 / sqrt(3), feedforward=1 / 8 / sqrt(3))
TRANSFORMERS = dict(
    imagenet=BY_FAN_OUT, cityscapes=BY_FAN_OUT, ade20k=BY_FAN_OUT,
    coco=dict(BY_FAN_OUT, input_proj=0.001, output_proj=0.001, out=0.001, feedforward=0.001))


@pytest.mark.parametrize('task', TRANSFORMERS)
@pytest.mark.parametrize('part', ['backbone', 'neck'])
def test_layers_of_a_transformer_begin_as_the_table_says(task, part):
    config = Config.fromfile(CONFIGS / f'st_hrnas_{task}_p90.py').model[part]
    path = LightweightTransformer(62, 80, 64)
    # The default of backbone and necks is the one without a deviation.
    INITIALIZERS.build(config.get('init_cfg', dict(type='mmst.SupernetInit')))(path)
    found = {}
    for name, p in path.named_parameters():
        if p.dim() > 1:
            kind = next(kind for kind in TRANSFORMERS[task] if f'.{kind}.' in f'.{name}.')
            found.setdefault(kind, []).append(p.detach().flatten().double())
    assert found.keys() == TRANSFORMERS[task].keys()
    for kind, expected in TRANSFORMERS[task].items():
        values = torch.cat(found[kind])
        assert values.square().mean().sqrt() == pytest.approx(expected, rel=0.05), kind
        # Of a normal distribution's values some lie beyond 2.5 deviations, of a uniform one's none.
        normal = kind in ('input_proj', 'output_proj') or expected == 0.001
        assert (values.abs().max() > 2.5 * expected) == normal, kind


def test_queries_keys_and_values_are_xavier_uniform_as_one_matrix():
    """1 / 1.41 of what three matrices apart would get."""
    attention = initialised(LightweightTransformer(4, 4, 64)).encoder.attention
    joint = torch.cat([attention.query.weight, attention.key.weight, attention.value.weight])
    assert joint.shape == (192, 64)
    reference = torch.empty(192, 64)
    nn.init.xavier_uniform_(reference)
    assert_uniform(joint, sqrt(6 / 256))
    assert float(joint.abs().max()) == pytest.approx(float(reference.abs().max()), rel=0.01)
    assert float(joint.abs().max()) == pytest.approx(sqrt(6 / 128) / sqrt(2), rel=0.01)


def test_linears_outside_transformers_do_not_follow_the_deviation_of_convolutions():
    assert_uniform(initialised(nn.Linear(256, 100), conv_std=0.001).weight, 1 / sqrt(100))


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
    assert_normal(block.transformer.input_proj.weight, 0.001)


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
