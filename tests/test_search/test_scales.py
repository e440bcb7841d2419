"""Units with several scales: importance over all of them, a penalty on each."""
import pytest
import torch
from torch import nn

from mmst.search.importance import importances, units_to_keep
from mmst.search.penalty import L1Penalty
from mmst.search.scales import Scale, penalty_terms
from mmst.search.units import UnitGroup


def group(*scales, units=2):
    return UnitGroup('channel', None, [0] * units, lambda index, cut: None,
                     lambda *hw: torch.ones(units), scales=scales)


def scale(values, index, dim=0):
    return Scale(nn.Parameter(torch.tensor(values)), torch.tensor(index), dim)


def test_importance_is_the_mean_over_all_scales_of_a_unit():
    streams = group(scale([1., -3.], [[0], [1]]), scale([5., 7., 9., 11.], [[2, 0], [3, 1]]))
    assert streams.importance().tolist() == pytest.approx([15 / 3, 21 / 3])
    assert streams.importance('max').tolist() == [9., 11.]
    assert streams.importance('min').tolist() == [1., 3.]


def test_importance_of_rows_is_the_mean_of_their_weights():
    rows = group(scale([[1., -3., 0.], [2., 2., 0.]], [[0], [1]], dim=1), units=2)
    assert rows.importance().tolist() == [1.5, 2.5]


def test_threshold_applies_to_the_importance_not_to_each_scale():
    one = group(scale([0., 0.], [[0], [1]]), scale([1e-4, 1.], [[0], [1]]))
    units, averaged = {'a': one}, {'a': group(scale([1., 1.], [[0], [1]]))}
    assert units_to_keep(units, importances(units, None), 1e-3) == {'a': [1]}
    assert units_to_keep(units, importances(units, None), 1e-5) == {}
    assert units_to_keep(units, importances(units, averaged), 1e-3) == {}


def test_importances_sum_up_by_the_reduction_asked_for():
    one = group(scale([1., 2.], [[0], [1]]), scale([3., 4.], [[0], [1]]))
    assert importances({'a': one}, None, reduction='max')['a'].tolist() == [3., 4.]


def test_penalty_acts_on_each_scale_of_two_groups_in_one_norm_and_scales_share_their_units_cost():
    joint = nn.Parameter(torch.tensor([1., -1., 1., 0.]))
    rows = nn.Parameter(torch.tensor([[1., -1.], [2., 2.]]))
    first = group(Scale(joint, torch.tensor([[0], [2]])))
    second = group(Scale(joint, torch.tensor([[1], [3]])), Scale(rows, torch.tensor([[0], [1]])))
    groups = dict(a=first, b=second)
    costs = dict(a=torch.tensor([1., 2.]), b=torch.tensor([3., 4.]))
    parameters, spread = penalty_terms(groups, costs)
    assert [id(p) for p in parameters] == [id(joint), id(rows)]
    penalty = L1Penalty(parameters, spread, rho=.5)
    assert penalty.value() == pytest.approx(.5 * (1 + 2 + (3 * (1 + 2) + 4 * (0 + 4)) / 2))
    for p in parameters:
        p.grad = torch.zeros_like(p)
    penalty.add_gradients()
    assert joint.grad.tolist() == [.5, -.75, 1., 0.]
    assert rows.grad.tolist() == [[.75, -.75], [1., 1.]]


def test_scales_of_a_unit_add_as_much_to_the_penalty_as_its_cost_times_its_importance():
    one = group(*(scale([1., 3.], [[0], [1]]) for _ in range(4)), scale([5., 1.], [[0], [1]]))
    costs = torch.tensor([2., 7.])
    expected = float((costs * one.importance()).sum())
    assert L1Penalty(*penalty_terms({'a': one}, {'a': costs}), rho=1.).value() == pytest.approx(
        expected)


def test_group_of_one_norm_is_penalised_as_it_is():
    bn = nn.BatchNorm2d(3)
    one = UnitGroup('channel', bn, [3] * 3, lambda index, cut: None, lambda *hw: torch.ones(3))
    costs = torch.tensor([1., 2., 3.])
    (parameter, ), (cost, ) = penalty_terms({'a': one}, {'a': costs})
    assert parameter is bn.weight and cost is costs
    assert one.importance().tolist() == [1., 1., 1.]
