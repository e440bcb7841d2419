"""Counts and checks of large tensors agree with torch's own."""
import pytest
import torch

from mmst.pruning import large
from mmst.pruning.large import (
    all_finite,
    all_of_all_finite,
    count_true,
    in_one,
    join,
    lowest,
)
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


MANY = large.SAMPLED
LARGE = dict(
    different=lambda: torch.rand(MANY, generator=torch.Generator().manual_seed(0)),
    ties=lambda: LARGE['different']().mul(7).floor(),
    half_pruned=lambda: LARGE['different']().masked_fill(torch.arange(MANY) % 2 == 0, -torch.inf),
    equal=lambda: torch.zeros(MANY),
    sorted=lambda: torch.arange(MANY, 0, -1.),
    # The sample says nothing of the rest.
    misleading=lambda: torch.arange(float(MANY)) + 1e9 * (
        torch.arange(MANY) % (MANY // large.SAMPLE) == 0))


@pytest.mark.parametrize('kind', LARGE)
def test_the_lowest_of_many_entries_are_those_of_a_stable_sort(kind):
    values = LARGE[kind]()
    order = values.argsort(stable=True)
    for count in (1, MANY // 3, MANY // 2, int(0.9 * MANY), MANY):
        expected = torch.zeros(MANY, dtype=torch.bool)
        expected[order[:count]] = True
        assert torch.equal(lowest(values, count), expected)


@pytest.mark.parametrize('kind', ['different', 'ties', 'half_pruned'])
def test_a_device_without_numpy_chooses_the_same(kind, monkeypatch):
    """A GPU sorts by ``kthvalue`` and finds places by torch."""
    values = LARGE[kind]()
    counts = (MANY // 3, int(0.9 * MANY))
    here = [lowest(values, count) for count in counts]
    monkeypatch.setattr(large, '_is_on_host', lambda tensor: False)
    for count, expected in zip(counts, here, strict=True):
        assert torch.equal(lowest(values, count), expected)


def test_few_of_many_entries_are_sorted(monkeypatch):
    sorted_ones, original = [], large._kth_lowest
    monkeypatch.setattr(large, '_kth_lowest', lambda values, k: sorted_ones.append(
        len(values)) or original(values, k))
    for count in (MANY // 10, MANY // 2, int(0.98 * MANY)):
        lowest(LARGE['different'](), count)
    assert len(sorted_ones) == 3 and max(sorted_ones) < 0.04 * MANY


def test_neighbours_in_memory_are_joined_without_a_copy():
    flat = torch.randn(20)
    parts = [flat[2:8].view(2, 3), flat[8:9], flat[9:15].view(3, 2)]
    assert torch.equal(join(parts), flat[2:15])
    assert join(parts).data_ptr() == parts[0].data_ptr()


@pytest.mark.parametrize('parts', [
    lambda x: [x[:4], x[8:]], lambda x: [x[:4].view(2, 2).t(), x[4:]], lambda x: [x[4:], x[:4]],
    lambda x: [x[:4], x[4:4], x[4:]], lambda x: [x[:0], x[:4]], lambda x: [x[:4], x[4:].clone()],
    lambda x: [x[:4], x[4:].view(torch.int32)]])
def test_others_are_joined_in_a_copy(parts):
    tensors = parts(torch.randn(20))
    assert torch.equal(join(tensors), torch.cat([t.flatten() for t in tensors]))


def test_many_tensors_are_changed_in_one_call():
    masks = [torch.rand(3, 4) < 0.5, torch.rand(0, 2) < 0.5, torch.rand(5) < 0.5]
    calls = []
    found = in_one(lambda flat: calls.append(flat) or ~flat, masks)
    assert len(calls) == 1
    assert all(torch.equal(one, ~mask) for one, mask in zip(found, masks, strict=True))
    assert len({one.untyped_storage().data_ptr() for one in found if one.numel()}) == 1
    assert in_one(torch.logical_not, []) == []


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_tensors_of_several_precisions_are_finite_together_or_not(bad, dtype):
    tensors = [torch.randn(3), torch.ones(2, 2, dtype=torch.float64), torch.arange(3),
               torch.empty(0), torch.full((1, ), 1e300, dtype=torch.float64),
               torch.ones(4, dtype=dtype)]
    assert all_of_all_finite(tensors)
    tensors[-1][2] = bad
    assert not all_of_all_finite(tensors)
