"""Sparsity schedules and the magnitude criterion."""
import pytest
import torch

from mmst.pruning.criteria import Magnitude
from mmst.pruning.schedules import OneShot, Progressive
from mmst.registry import CRITERIA, SCHEDULES


@pytest.mark.parametrize('p', [0.05, 0.3, 0.5, 0.9, 0.95, 0.98])
def test_progressive_pruning_is_a_tenth_more_at_each_prune_up_to_p(p):
    schedule = Progressive(p)
    assert [schedule.at(k) for k in range(15)] == pytest.approx([min(p, k / 10) for k in range(15)])
    assert schedule.at(100) == p


@pytest.mark.parametrize('p', [0.3, 0.98])
def test_one_shot_pruning_is_p_at_every_prune_and_nothing_before(p):
    assert [OneShot(p).at(k) for k in (0, 1, 2, 50)] == [0., p, p, p]


def test_schedules_and_criteria_are_registered_under_the_names_of_the_configs():
    assert SCHEDULES.get('progressive') is Progressive
    assert SCHEDULES.get('one_shot') is OneShot
    assert CRITERIA.get('magnitude') is Magnitude


def test_magnitude_scores_by_absolute_value():
    weight = torch.nn.Parameter(torch.tensor([[-2., 0.5], [-0., 1.]]))
    score = Magnitude().score(dict(w=weight), {})['w']
    assert torch.equal(score, torch.tensor([[2., 0.5], [0., 1.]]))
    assert not score.requires_grad and not Magnitude.needs_gradients
