"""Layers' shares of a mask, where the scope decides."""
import pytest
import torch
from torch import nn

from mmst.pruning.scope_allocation import ScopeAllocation

#: Two layers; all scores of the second are larger.
SCORES = dict(small=torch.arange(1., 11), large=torch.arange(11., 21))


def kept(mask):
    return {name: int(own.sum()) for name, own in mask.items()}


def test_one_threshold_for_all_takes_from_the_layer_of_small_scores():
    assert kept(ScopeAllocation('global')(SCORES, 0.5)) == dict(small=0, large=10)


def test_each_layer_keeps_the_same_share_by_scope_layer():
    assert kept(ScopeAllocation('layer')(SCORES, 0.5)) == dict(small=5, large=5)


def test_a_pattern_prunes_in_each_group_of_weights():
    mask = ScopeAllocation('2:5')({'a': torch.arange(1., 11).view(1, 10)}, 0.6)
    assert mask['a'].flatten().tolist() == [False, False, False, True, True] * 2


def test_weights_that_were_pruned_stay_pruned():
    allocation = ScopeAllocation('global')
    before = allocation(SCORES, 0.25)
    after = allocation(dict(small=SCORES['large'], large=SCORES['small']), 0.75, before)
    assert not (after['small'] & ~before['small']).any()


def test_the_forecast_of_a_part_ranks_that_part_alone():
    allocation, part = ScopeAllocation('global'), dict(small=SCORES['small'])
    allocation.follow(nn.Linear(1, 1))  # needs no network
    found = allocation.forecast(nn.Linear(1, 1), lambda: pytest.fail('of no use here'), part, 0.3)
    assert kept(found) == dict(small=7)
