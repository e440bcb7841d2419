"""The neck for classification."""
import pytest
import torch
from small_nets import CHANNELS, initialised
from torch import nn

from mmst.errors import ConfigError
from mmst.models import ClassificationNeck
from mmst.registry import MODELS

WIDE = (5, 7, 9, 11)


def make_neck(**changes):
    settings = dict(in_channels=CHANNELS, channels=WIDE, out_channels=13, expand_ratio=2, tokens=5)
    return initialised(ClassificationNeck(**{**settings, **changes}))


def branches(size=(16, 24), batch=2, **kwargs):
    maps = []
    for channels in CHANNELS:
        maps.append(torch.randn(batch, channels, *size, **kwargs))
        size = tuple(-(-n // 2) for n in size)
    return maps


@pytest.mark.parametrize('size', [(16, 24), (7, 9), (1, 1)])
@pytest.mark.parametrize('batch', [1, 2])
def test_output_is_one_vector_an_image(size, batch):
    outputs = make_neck().eval()(branches(size, batch))
    assert isinstance(outputs, tuple) and len(outputs) == 1
    assert outputs[0].shape == (batch, 13)


def test_without_pooling_the_output_is_a_map_of_the_lowest_resolution():
    neck = make_neck(pool=False).eval()
    maps = branches((17, 9))
    assert neck(maps)[0].shape == (2, 13, *maps[-1].shape[-2:])


def test_branches_are_widened_and_added_on_the_way_down():
    neck = make_neck().eval()
    x = branches()
    total = neck.widen[0](x[0])
    for i in range(3):
        total = neck.downsample[i](total) + neck.widen[i + 1](x[i + 1])
    expected = neck.final(total).mean((2, 3))
    torch.testing.assert_close(neck(x)[0], expected)


def test_last_layer_is_rectified():
    assert (make_neck(pool=False).eval()(branches())[0] >= 0).all()


def test_dropout_zeroes_a_share_of_the_output_in_training_only():
    neck = make_neck(out_channels=2000, dropout=0.5, transformer='none')
    nn.init.constant_(neck.final.bn.bias, 1000.)
    neck.train()
    share = (neck(branches())[0] == 0).float().mean()
    assert 0.4 < share < 0.6
    assert not (neck.eval()(branches())[0] == 0).any()


def test_neck_trains():
    neck = make_neck().train()
    neck(branches())[0].sum().backward()
    assert all(p.grad is not None for p in neck.parameters())


def test_defaults_are_those_of_the_paper():
    with torch.device('meta'):
        neck = MODELS.build(dict(type='mmst.ClassificationNeck'))
    shapes = [(m.mixconv.in_channels, m.mixconv.out_channels, m.mixconv.stride)
              for m in [*neck.widen, *neck.downsample]]
    assert shapes == [(18, 36, 1), (36, 72, 1), (72, 144, 1), (144, 320, 1),
                      (36, 72, 2), (72, 144, 2), (144, 320, 2)]
    assert neck.final.conv.weight.shape == (1600, 320, 1, 1)
    assert neck.dropout.p == 0.2


def test_widths_rebuild_a_searched_neck():
    neck = make_neck()
    for block in neck.widen:
        block.resize({3: 2, 5: 0, 7: 1}, 3)
    for block in neck.downsample:
        block.resize({3: 0, 5: 0, 7: 0}, 0)
    again = make_neck(widths=neck.get_widths())
    assert again.get_widths() == neck.get_widths()
    assert again.eval()(branches())[0].shape == (2, 13)


@pytest.mark.parametrize('setting, message', [
    (dict(channels=(5, 7, 9)), r'neck.channels = \(5, 7, 9\)'),
    (dict(in_channels=(), channels=()), r'neck.channels = \(\)'),
    (dict(dropout=1.), r'neck.dropout = 1.0'),
    (dict(dropout=-0.1), r'neck.dropout = -0.1'),
    (dict(expand_ratio=0), r'neck.expand_ratio = 0'),
    (dict(transformer=None), r'neck.transformer = None'),
    (dict(widths={}), r'neck.widths = '),
])
def test_bad_settings_are_refused_by_key_value_and_remedy(setting, message):
    with pytest.raises(ConfigError, match=message + r'.*Remedy: '):
        make_neck(**setting)
