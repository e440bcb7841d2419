"""Which units stay."""
import pytest
import torch
from torch import nn

from mmst.errors import TrainingError
from mmst.search.importance import importances, units_to_keep
from mmst.search.units import UnitGroup


def group(*gammas):
    bn = nn.BatchNorm2d(len(gammas))
    bn.weight.data = torch.tensor(gammas)
    return UnitGroup('channel', bn, [3] * len(gammas), None, None)


def kept(groups, averaged, threshold, last=False):
    return units_to_keep(groups, importances(groups, averaged, last), threshold)


def test_units_below_the_threshold_go_whatever_their_sign():
    keep = kept(dict(a=group(0., 5e-4, -5e-4, 2e-3, -2e-3, -1.)), None, 1e-3)
    assert keep == dict(a=[3, 4, 5])


def test_a_unit_at_the_threshold_stays():
    assert kept(dict(a=group(1e-3, 9e-4)), None, float(torch.tensor(1e-3))) == dict(a=[0])


def test_groups_that_lose_nothing_are_not_named():
    assert kept(dict(a=group(1., 1.), b=group(0., 1.)), None, 1e-3) == dict(b=[1])


def test_a_group_may_lose_everything():
    assert kept(dict(a=group(0., 0.)), None, 1e-3) == dict(a=[])


CURRENT, AVERAGED = (1., 1., 0., 0.), (1., 0., 1., 0.)


def test_with_an_average_a_unit_goes_only_if_both_are_below():
    keep = kept(dict(a=group(*CURRENT)), dict(a=group(*AVERAGED)), 1e-3)
    assert keep == dict(a=[0, 1, 2])


def test_at_the_last_search_the_average_alone_decides():
    keep = kept(dict(a=group(*CURRENT)), dict(a=group(*AVERAGED)), 1e-3, last=True)
    assert keep == dict(a=[0, 2])


def test_without_an_average_the_last_search_is_like_the_others():
    assert kept(dict(a=group(*CURRENT)), None, 1e-3, last=True) == dict(a=[0, 1])


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), float('-inf')])
@pytest.mark.parametrize('where', ['current', 'averaged'])
def test_factors_that_are_not_finite_are_an_error_with_a_remedy(bad, where):
    good, diverged = group(1., 0.), group(bad, 0.)
    current, averaged = (diverged, good) if where == 'current' else (good, diverged)
    with pytest.raises(TrainingError, match=r'b.*not finite.*no unit was removed.*Remedy'):
        kept(dict(a=good, b=current), dict(a=good, b=averaged), 1e-3)
