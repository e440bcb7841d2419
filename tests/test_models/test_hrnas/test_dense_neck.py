"""The neck for dense prediction."""
import pytest
import torch
import torch.nn.functional as F
from small_nets import CHANNELS, narrow_neck

from mmst.errors import ConfigError
from mmst.models import DensePredictionNeck
from mmst.registry import MODELS


def branches(size=(16, 24), batch=2, **kwargs):
    maps = []
    for channels in CHANNELS:
        maps.append(torch.randn(batch, channels, *size, **kwargs))
        size = tuple(-(-n // 2) for n in size)
    return maps


@pytest.mark.parametrize('size', [(16, 24), (9, 13), (1, 1)])
def test_output_is_one_map_of_the_highest_resolution(size):
    outputs = narrow_neck().eval()(branches(size, batch=1))
    assert isinstance(outputs, tuple) and len(outputs) == 1
    assert outputs[0].shape == (1, 7, *size)


def test_branches_are_resized_bilinearly_and_joined_in_order():
    neck = narrow_neck().eval()
    maps = branches((9, 13))
    resized = [F.interpolate(x, (9, 13), mode='bilinear', align_corners=False) for x in maps]
    torch.testing.assert_close(neck(maps)[0], neck.block(torch.cat(resized, dim=1)))


def test_output_is_linear():
    assert (narrow_neck().eval()(branches())[0] < 0).any()


def test_neck_trains_in_double_precision():
    neck = narrow_neck().double().train()
    neck(branches(dtype=torch.float64))[0].sum().backward()
    assert all(p.grad is not None for p in neck.parameters())


def test_defaults_are_those_of_the_paper():
    neck = MODELS.build(dict(type='mmst.DensePredictionNeck', transformer='none'))
    assert neck.block.mixconv.in_channels == 270
    assert neck.block.mixconv.out_channels == 90
    assert neck.get_widths() == {'block': dict(channels={3: 1080, 5: 1080, 7: 1080}, tokens=0)}


def test_widths_rebuild_a_searched_neck():
    neck = narrow_neck(widths={'block': dict(channels={3: 2, 5: 0, 7: 9}, tokens=1)})
    assert neck.get_widths() == {'block': dict(channels={3: 2, 5: 0, 7: 9}, tokens=1)}
    assert neck.eval()(branches())[0].shape == (2, 7, 16, 24)


@pytest.mark.parametrize('setting, message', [
    (dict(transformer='yes'), "neck.transformer = 'yes'"),
    (dict(kernel_sizes=(2, )), r'neck.kernel_sizes = \(2,\)'),
    (dict(tokens=0), 'neck.tokens = 0'),
    (dict(widths={}), "neck.widths = 'block'"),
])
def test_bad_settings_are_refused_by_key_value_and_remedy(setting, message):
    with pytest.raises(ConfigError, match=message + r'.*Remedy: '):
        DensePredictionNeck(in_channels=CHANNELS, **setting)
