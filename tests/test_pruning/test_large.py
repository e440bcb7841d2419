"""Counts and checks of large tensors agree with torch's own."""
import pytest
import torch

from mmst.pruning.draw import lowest
from mmst.pruning.large import all_finite, count_true
from mmst.pruning.mask import Mask


@pytest.mark.parametrize('shape', [(0, ), (7, ), (3, 4, 5)])
def test_true_entries_are_counted_in_any_layout(shape):
    mask = torch.rand(shape) < 0.5
    assert count_true(mask) == int(mask.sum())
    assert count_true(mask.transpose(0, -1)) == int(mask.sum())
    assert Mask(dict(a=mask, b=~mask)).pruned == mask.numel()


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
@pytest.mark.parametrize('place', [0, 50, 99])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_one_entry_that_is_not_finite_is_found(bad, place, dtype):
    values = torch.randn(100).to(dtype)
    assert all_finite(values) and all_finite(values[:0])
    values[place] = bad
    assert not all_finite(values)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize('count', [1, 3, 500, 999, 1000])
def test_the_lowest_are_those_of_a_stable_sort_infinities_and_ties_included(dtype, count):
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0)).mul(5).round().to(dtype)
    values[::7] = float('-inf')
    chosen = lowest(values, count)
    expected = values.float().argsort(stable=True)[:count].sort().values
    assert torch.equal(chosen.nonzero().flatten(), expected)
