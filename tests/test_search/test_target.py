"""Searches that end at a wanted cost: the rules."""
import plain_events
import pytest
import torch
from small_nets import narrow_backbone

from mmst.costs.cost import layer_costs, total
from mmst.search.importance import importances
from mmst.search.target import (
    SearchTarget,
    adapt_factor,
    copy_without_units,
    limit_removal,
    round_counts,
)
from mmst.search.units import find_units

SMALL = dict(channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), transformer='none')


def test_the_cost_that_is_met_last_decides():
    costs = dict(macs=300., params=50)
    assert SearchTarget(macs=200).ratio(costs) == 1.5
    assert SearchTarget(params=100).ratio(costs) == 0.5
    assert SearchTarget(200, 100).ratio(costs) == SearchTarget(200, 10**6).ratio(costs) == 1.5
    assert SearchTarget(params=1.) and not SearchTarget()


@pytest.mark.parametrize('key', ['macs', 'params'])
@pytest.mark.parametrize('share', [0.95, 0.8, 0.65])
def test_removal_ends_within_two_percent_of_the_target(key, share):
    model = narrow_backbone(**SMALL)
    groups = find_units(model)

    def costs(network):
        return total(layer_costs(network, (32, 32)))

    target = SearchTarget(**{key: share * costs(model)[key]})
    keep = limit_removal({name: [] for name in groups}, importances(groups, None),
                         lambda left: target.ratio(costs(copy_without_units(model, left))))
    assert target.ratio(costs(copy_without_units(model, keep))) == pytest.approx(1, abs=0.02)


def test_the_least_important_units_go_first():
    model = narrow_backbone(**SMALL)
    importance = importances(find_units(model), None)
    before = {name: len(group) for name, group in find_units(model).items()}
    total_units = sum(before.values())
    keep = limit_removal({name: [] for name in before}, importance, lambda left: sum(
        len(left.get(name, range(count))) for name, count in before.items()) / (total_units - 20))
    gone = torch.cat([importance[n][[u for u in range(before[n]) if u not in keep[n]]]
                      for n in keep])
    assert len(gone) == 20
    stays = torch.cat([importance[n][keep.get(n, list(range(before[n])))] for n in before])
    assert float(gone.max()) <= float(stays.min())


@pytest.mark.parametrize('distinct', [3, 10_000])
def test_the_choice_equals_that_of_units_one_by_one_in_its_order_too(distinct):
    """With many ties, and with next to none."""
    generator = torch.Generator().manual_seed(0)
    sizes = {f'group{i}': 1 + 7 * i % 23 for i in range(12)}
    importance = {name: torch.randint(distinct, (size, ), generator=generator) / distinct
                  for name, size in sizes.items()}
    keep = {name: [u for u in range(size) if torch.rand(1, generator=generator) < 0.4]
            for name, size in sizes.items() if name != 'group3'}
    keep = {name: stays for name, stays in keep.items() if len(stays) < sizes[name]}
    gone = sum(sizes[name] - len(stays) for name, stays in keep.items())
    for wanted in (0, 1, gone // 3, gone // 2 + .5, gone - 1, gone, gone + 1):

        def ratio(left, wanted=wanted):
            return 1 + wanted - sum(sizes[name] - len(stays) for name, stays in left.items())

        found = limit_removal(keep, importance, ratio)
        expected = plain_events.limit_removal(keep, importance, ratio)
        assert list(found.items()) == list(expected.items())


def test_a_removal_that_does_not_reach_the_target_is_left_whole():
    model = narrow_backbone(**SMALL)
    importance = importances(find_units(model), None)
    name = next(iter(importance))
    keep = {name: list(range(1, len(importance[name])))}
    assert limit_removal(keep, importance, lambda left: 2.) is keep


def test_the_model_itself_is_not_touched():
    model = narrow_backbone(**SMALL)
    widths = model.get_widths()
    copy_without_units(model, {name: [0] for name in find_units(model)})
    assert model.get_widths() == widths


@pytest.mark.parametrize('ratio, expected', [(3., 1.5), (2., 1.), (1.3, 1 / 1.5)])
def test_rho_grows_behind_the_plan_and_falls_ahead_of_it(ratio, expected):
    assert adapt_factor(1., ratio, start=4., done=0.5) == pytest.approx(expected)


def test_rho_stays_within_bounds():
    factor = 1.
    for _ in range(100):
        factor = adapt_factor(factor, 9., 10., 1.)
    assert factor == 1000.


@pytest.mark.parametrize('divisor, minimum, expected', [
    (1, 0, [0, 5]), (2, 0, [0, 3, 4, 5]), (4, 0, [0, 1, 2, 3, 4, 5]), (1, 3, [0, 4, 5]),
    (1, 99, [0, 1, 2, 3, 4, 5])])
def test_counts_are_rounded_up_by_the_most_important_units(divisor, minimum, expected):
    importance = torch.tensor([.9, .1, .2, .3, .4, .8])
    assert round_counts([3, 3, 3, 3, 5, 5], [0, 5], importance, divisor, minimum) == expected


def test_kernel_sizes_without_a_unit_stay_without():
    assert round_counts([3, 3, 5, 5], [2], torch.tensor([.1, .2, .9, .3]), divisor=2) == [2, 3]
