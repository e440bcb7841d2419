"""Counts of importance."""
import math

import plain_events
import pytest
import torch
from small_nets import narrow_backbone
from torch import nn

from mmst.search.histogram import BINS, edges, importance_histogram, quantile
from mmst.search.units import UnitGroup, find_units


def group(*labels):
    return UnitGroup('channel', nn.BatchNorm2d(len(labels)), list(labels), None, None)


def test_units_are_counted_by_kernel_size_over_all_groups():
    groups = dict(a=group(3, 3, 7), b=group(3, 5), c=group(0, 0))
    values = dict(a=torch.tensor([1., 2., 3.]), b=torch.tensor([4., 5.]), c=torch.ones(2))
    found = importance_histogram(groups, values)
    assert {label: sum(counts) for label, counts in found.items()} == {0: 2, 3: 3, 5: 1, 7: 1}
    assert all(len(counts) == BINS for counts in found.values())


def test_counts_equal_those_of_group_by_group():
    torch.manual_seed(0)
    model = narrow_backbone(transformer='all')
    groups = find_units(model)
    importance = {name: (10 * torch.randn(len(group))).exp() for name, group in groups.items()}
    found = importance_histogram(groups, importance)
    assert list(found.items()) == list(plain_events.histogram(groups, importance).items())
    assert importance_histogram({}, {}) == {}


def test_a_unit_lies_in_the_bin_between_its_edges():
    value = 0.0033
    counts = importance_histogram(dict(a=group(3)), dict(a=torch.tensor([value])))[3]
    i = counts.index(1)
    assert edges()[i] <= value < edges()[i + 1]


def test_zeros_and_giants_count_in_the_outer_bins():
    counts = importance_histogram(
        dict(a=group(3, 3, 3)), dict(a=torch.tensor([0., 1e-20, 1e9])))[3]
    assert (counts[0], counts[-1]) == (2, 1)


@pytest.mark.parametrize('share', [0.1, 0.5, 0.9])
def test_a_quantile_is_right_to_within_a_bin(share):
    values = torch.logspace(-5, 0, 500)
    counts = importance_histogram(dict(a=group(*[3] * 500)), dict(a=values))[3]
    exact, width = float(values.quantile(share)), edges()[1] / edges()[0]
    assert exact / width <= quantile(counts, share) <= exact * width * 1.01


def test_of_nothing_there_is_no_quantile():
    assert math.isnan(quantile([0] * BINS, 0.5))
