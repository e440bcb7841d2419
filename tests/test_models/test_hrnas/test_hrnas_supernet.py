"""The backbone: shapes, settings, training, refusal of bad settings."""
import pytest
import torch
from small_nets import NARROW, input_image, narrow_backbone
from torch import nn

from mmst.errors import ConfigError
from mmst.models import HRNASSupernet, search_blocks
from mmst.registry import MODELS


@pytest.mark.parametrize('size', [(64, 64), (33, 47), (65, 129), (1, 5)])
@pytest.mark.parametrize('transformer', ['all', 'shape_preserving', 'none'])
def test_branches_have_strides_4_to_32_rounded_up(size, transformer):
    model = narrow_backbone(transformer=transformer).eval()
    outputs = model(input_image(1, *size))
    assert isinstance(outputs, tuple)
    expected = size
    for _ in range(2):
        expected = tuple(-(-n // 2) for n in expected)
    for out, channels in zip(outputs, model.out_channels, strict=True):
        assert out.shape == (1, channels, *expected)
        expected = tuple(-(-n // 2) for n in expected)


def test_defaults_are_the_full_width_of_the_paper():
    with torch.device('meta'):
        model = HRNASSupernet()
    assert model.out_channels == (18, 36, 72, 144)
    assert [layer.conv.out_channels for layer in model.stem] == [24, 24]
    assert [[len(branch) for branch in parallel] for parallel in model.parallels] == [
        [1], [2, 2], [2, 2, 3], [2, 2, 3, 4], [2, 2, 3, 4]]
    assert [len(fusion.blocks) for fusion in model.fusions] == [1, 1, 2, 3, 4]
    assert [fusion.new_branch is not None for fusion in model.fusions] == [
        False, True, True, True, False]


def test_stem_is_two_strided_convolutions_with_norm_and_relu():
    model = narrow_backbone().eval()
    x = input_image(1, 17, 17)
    for layer in model.stem:
        assert (layer.conv.kernel_size, layer.conv.stride) == ((3, 3), (2, 2))
        assert layer.conv.bias is None
        expected = layer.bn(layer.conv(x))
        assert (expected < 0).any()
        torch.testing.assert_close(layer(x), expected.clamp(min=0))
        x = layer(x)


@pytest.mark.parametrize('batch', [1, 2])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_every_parameter_learns(batch, dtype):
    model = narrow_backbone().to(dtype).train()
    outputs = model(input_image(batch, 64, 96, dtype=dtype))
    sum(out.square().mean() for out in outputs).backward()
    assert all(out.dtype == dtype for out in outputs)
    silent = [name for name, p in model.named_parameters() if p.grad is None]
    assert silent == []


def test_norms_outside_transformers_have_the_given_momentum_and_eps():
    model = narrow_backbone(momentum=0.1, eps=1e-5, transformer='none')
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all((m.momentum, m.eps) == (0.1, 1e-5) for m in norms)


def test_image_may_have_other_channels():
    model = narrow_backbone(in_channels=1).eval()
    assert len(model(input_image(1)[:, :1])) == 4


def test_a_new_branch_is_linear_and_a_fused_one_rectified():
    model = narrow_backbone().eval()
    branches = model.parallels[0](model.fusions[0]([model.stem(input_image(2, 96, 96))]))
    fused, new = model.fusions[1](branches)
    assert (fused >= 0).all()
    assert (new < 0).any()


def test_it_is_built_by_its_registered_name():
    model = MODELS.build(dict(type='mmst.HRNASSupernet', **NARROW))
    assert isinstance(model, HRNASSupernet)


@pytest.mark.parametrize('channels_last, form', [
    (True, torch.channels_last), (False, torch.contiguous_format)])
def test_feature_maps_are_in_the_format_asked_for_and_equal_in_both(channels_last, form):
    model = narrow_backbone(channels_last=channels_last).double().eval()
    x = input_image(2, 64, 64, dtype=torch.float64)
    outputs = model(x)
    model.channels_last = not channels_last
    for out, other in zip(outputs, model(x), strict=True):
        assert out.is_contiguous(memory_format=form)
        assert not other.is_contiguous(memory_format=form)
        torch.testing.assert_close(out, other, rtol=1e-9, atol=1e-9)


def test_everything_removed_leaves_a_network_that_runs_and_trains():
    model = narrow_backbone()
    for block in search_blocks(model).values():
        block.resize({3: 0, 5: 0, 7: 0}, 0)
    outputs = model.train()(input_image(2, 65, 33))
    sum(out.sum() for out in outputs).backward()
    assert model.stem[0].conv.weight.grad is not None
    assert all(p.grad is None for p in model.parameters() if not p.requires_grad)


@pytest.mark.parametrize('setting, message', [
    (dict(transformer='some'), "backbone.transformer = 'some'"),
    (dict(transformer=True), 'backbone.transformer = True'),
    (dict(kernel_sizes=()), r'backbone.kernel_sizes = \(\)'),
    (dict(kernel_sizes=(3, 4)), r'backbone.kernel_sizes = \(3, 4\)'),
    (dict(kernel_sizes=(3, 3)), r'backbone.kernel_sizes = \(3, 3\)'),
    (dict(kernel_sizes=(-1, 3)), r'backbone.kernel_sizes = \(-1, 3\)'),
    (dict(kernel_sizes=3), 'backbone.kernel_sizes = 3'),
    (dict(expand_ratio=0), 'backbone.expand_ratio = 0'),
    (dict(expand_ratio=1.5), 'backbone.expand_ratio = 1.5'),
    (dict(tokens=0), 'backbone.tokens = 0'),
    (dict(tokens=-3), 'backbone.tokens = -3'),
    (dict(stem_channels=(24, )), r'backbone.stem_channels = \(24,\)'),
    (dict(depths=((1, ), (1, 1))), 'backbone.depths = '),
    (dict(depths=((1, ), (1, ), (1, 1, 1), (1, 1, 1, 1))), 'backbone.depths = '),
    (dict(channels=((4, ), (4, 6, 8)), depths=((1, ), (1, 1, 1))), 'backbone.channels = '),
    (dict(channels=((4, ), (4, 6), (4, )), depths=((1, ), (1, 1), (1, ))), 'backbone.channels = '),
])
def test_bad_settings_are_refused_by_key_value_and_remedy(setting, message):
    with pytest.raises(ConfigError, match=message + r'.*Remedy: '):
        HRNASSupernet(**{**NARROW, **setting})


@pytest.mark.filterwarnings('ignore')  # that torch would rather compile
def test_torchscript_traces_search_blocks_with_transformers():
    model, image = narrow_backbone().eval(), input_image(1, 64, 64)
    traced = torch.jit.trace(model, image, check_trace=False)
    for found, expected in zip(traced(image), model(image), strict=True):
        torch.testing.assert_close(found, expected)
