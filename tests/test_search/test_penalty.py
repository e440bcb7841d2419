"""The resource-aware L1 penalty, its warm-up, and what relative costs are relative to."""
import pytest
import torch
from small_nets import cut_at_random, narrow_backbone
from torch import nn

from mmst.costs.cost import feature_sizes
from mmst.search.cost import mean_macs, unit_macs
from mmst.search.penalty import L1Penalty, warmup
from mmst.search.units import find_units

SHAPE = (33, 47)


def scales():
    return [nn.Parameter(torch.tensor([2., -0.5, 0.])), nn.Parameter(torch.tensor([-1.]))]


COSTS = [torch.tensor([1., 2., 3.]), torch.tensor([0.5])]


def test_the_sub_gradient_is_that_of_the_loss_term():
    gammas = scales()
    loss = sum(gamma.square().sum() for gamma in gammas)
    loss.backward()
    penalty = L1Penalty(gammas, COSTS, rho=0.1)
    penalty.add_gradients()
    with_term = scales()
    loss = sum(g.square().sum() for g in with_term)
    loss = loss + 0.1 * sum(
        (cost * g.abs()).sum() for g, cost in zip(with_term, COSTS, strict=True))
    loss.backward()
    for gamma, expected in zip(gammas, with_term, strict=True):
        torch.testing.assert_close(gamma.grad, expected.grad)


def test_at_0_the_sub_gradient_is_0():
    gammas = scales()
    for gamma in gammas:
        gamma.grad = torch.zeros_like(gamma)
    L1Penalty(gammas, COSTS, rho=0.1).add_gradients()
    assert gammas[0].grad[2] == 0 and (gammas[0].grad[:2] != 0).all()


def test_scales_without_a_gradient_are_passed_over():
    gammas = scales()
    gammas[1].grad = torch.zeros_like(gammas[1])
    L1Penalty(gammas, COSTS, rho=0.1).add_gradients()
    assert gammas[0].grad is None
    torch.testing.assert_close(gammas[1].grad, torch.tensor([-0.05]))


def test_the_value_is_that_of_the_loss_term():
    assert L1Penalty(scales(), COSTS, rho=0.1).value() == pytest.approx(0.1 * (2 + 1 + 0.5))


@pytest.mark.parametrize('penalty', [L1Penalty([], [], 0.1), L1Penalty(scales(), COSTS)])
def test_without_units_or_strength_it_is_nothing(penalty):
    for gamma in penalty.scales:
        gamma.grad = torch.zeros_like(gamma)
    penalty.add_gradients()
    assert penalty.value() == 0.
    assert all((gamma.grad == 0).all() for gamma in penalty.scales)


def test_warm_up_is_linear_from_0_and_then_constant():
    assert [warmup(0.4, step, 4) for step in range(7)] == pytest.approx(
        [0., 0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert warmup(0.4, 0, 0) == 0.4


def test_the_mean_cost_is_taken_over_all_units_not_over_groups():
    assert mean_macs(dict(a=torch.tensor([1., 1., 1.]), b=torch.tensor([5.]))) == 2.


def test_relative_costs_of_a_supernet_have_mean_1():
    model = narrow_backbone()
    macs = unit_macs(find_units(model), feature_sizes(model, SHAPE))
    mean = mean_macs(macs)
    relative = torch.cat([cost / mean for cost in macs.values()])
    assert float(relative.mean()) == pytest.approx(1.)
    assert float(relative.max() / relative.min()) > 2


def test_costs_of_channels_stay_and_costs_of_tokens_fall_as_units_go():
    model = narrow_backbone()
    before = unit_macs(find_units(model), feature_sizes(model, SHAPE))
    cut_at_random(model)
    after = unit_macs(find_units(model), feature_sizes(model, SHAPE))
    for name, costs in after.items():
        if name.endswith('tokens') and len(costs) < len(before[name]):
            assert costs[0] < before[name][0]
        elif name.endswith('channels'):
            assert set(costs.tolist()) <= set(before[name].tolist())
