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
    another=lambda x: F.avg_pool2d(x, 2),
    sum=lambda x: x + x, torch_add=lambda x: torch.add(x, x), scaled=lambda x: x.add(x, alpha=2),
    number=lambda x: x + 1, bias=lambda x: x + x[0, :, :1, :1], wider=lambda x: x[:, :, :1] + x,
    other_format=lambda x: x + x.to(memory_format=torch.channels_last),
    other_precision=lambda x: x.float() + x,
    cat=lambda x: torch.cat([x, x], dim=1), cat_last=lambda x: torch.cat((x, x[..., :3]), -1),
    cat_first=lambda x: torch.cat([x]),
    cat_formats=lambda x: torch.cat([x, x.to(memory_format=torch.channels_last)], 1),
    attention=lambda x: F.scaled_dot_product_attention(x[0], x[0], x[0, ..., :5]),
    attention_of_four=lambda x: F.scaled_dot_product_attention(x, x, x))


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


@pytest.mark.parametrize('name', [name for name in CALLS if name.startswith((
    'sum', 'torch_add', 'scaled', 'bias', 'wider', 'other', 'cat'))])
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_sums_and_concatenations_have_torchs_memory_format(name, layout):
    x = torch.empty(2, 6, 8, 12, device='meta', dtype=torch.float64).to(memory_format=layout)
    expected = CALLS[name](x)
    with ShapesOnly():
        assert CALLS[name](x).stride() == expected.stride()


@pytest.mark.parametrize('call', [
    lambda x: x + x[..., :3], lambda x: torch.cat([x, x[..., :3]], 1),
    lambda x: torch.cat([x, x], 4)])
def test_tensors_that_do_not_fit_are_refused_as_by_torch(call):
    x = torch.empty(2, 6, 8, 12, device='meta')
    with ShapesOnly(), pytest.raises((RuntimeError, IndexError)):
        call(x)


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
