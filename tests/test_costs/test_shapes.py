"""Shapes at once on the meta device."""
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from mmst.costs.shapes import ShapesOnly

CALLS = dict(
    relu=lambda x: F.relu(x), relu_in_place=lambda x: F.relu(x, inplace=True),
    torch_relu=lambda x: torch.relu(x), layer_norm=lambda x: F.layer_norm(x, x.shape[-1:]),
    batch_norm=lambda x: F.batch_norm(x, x.new_zeros(6), x.new_ones(6)),
    bilinear=lambda x: F.interpolate(x, (5, 7), mode='bilinear', align_corners=False),
    by_name=lambda x: F.interpolate(x, size=(5, 7)),
    one_number=lambda x: F.interpolate(x, size=5),
    factor=lambda x: F.interpolate(x, scale_factor=2, mode='nearest'),
    another=lambda x: F.avg_pool2d(x, 2))


@pytest.mark.parametrize('name', CALLS)
def test_shapes_are_those_of_torch(name):
    x = torch.empty(2, 6, 8, 12, device='meta', dtype=torch.float64)
    expected = CALLS[name](x.clone())
    with ShapesOnly():
        found = CALLS[name](x)
    assert (found.shape, found.dtype, found.device) == (
        expected.shape, expected.dtype, expected.device)


@pytest.mark.parametrize('name', CALLS)
def test_values_of_other_devices_are_computed(name):
    x = torch.randn(2, 6, 8, 12)
    expected = CALLS[name](x.clone())
    with ShapesOnly():
        torch.testing.assert_close(CALLS[name](x.clone()), expected)


class Count(TorchDispatchMode):
    """Counts what reaches torch's dispatcher."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize('name',
                         ['relu_in_place', 'torch_relu', 'layer_norm', 'bilinear', 'by_name'])
def test_no_decomposition_is_run(name):
    x = torch.empty(2, 6, 8, 12, device='meta')
    with Count() as count, ShapesOnly():
        CALLS[name](x)
    assert count.calls <= 1  # to make the output


def test_memory_format_and_the_input_are_left_alone():
    x = torch.empty(2, 6, 8, 12, device='meta').to(memory_format=torch.channels_last)
    with ShapesOnly():
        assert F.relu(x) is not x and F.relu(x, inplace=True) is x
        for name in ('relu', 'bilinear'):
            assert CALLS[name](x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('shape', [(2, 6, 1, 1), (2, 1, 5, 5)], ids=['one place', 'one channel'])
def test_maps_that_have_both_memory_formats_are_enlarged_to_torchs(shape):
    x = torch.empty(shape, device='meta')
    expected = CALLS['bilinear'](x)
    with ShapesOnly():
        assert CALLS['bilinear'](x).stride() == expected.stride()
