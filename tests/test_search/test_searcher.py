"""A search without a runner: a network, its average and an optimizer."""
import copy

import pytest
import torch
from small_nets import narrow_backbone

from mmst.costs.cost import feature_sizes, layer_costs, total
from mmst.costs.network_costs import NetworkCosts
from mmst.errors import ConfigError, TrainingError
from mmst.search import searcher as module
from mmst.search.cost import unit_macs
from mmst.search.searcher import Searcher
from mmst.search.units import find_units

SIZE = (32, 32)
SMALL = dict(channels=((4, ), (4, 6)), depths=((1, ), (1, 1)))


def make(transformer='none', **settings):
    """A searcher that has begun with a tiny network."""
    torch.manual_seed(0)
    model = narrow_backbone(transformer=transformer, **SMALL)
    searcher = Searcher(NetworkCosts(SIZE), **settings)
    searcher.begin(model)
    return searcher, model


def trained(model, kind=torch.optim.Adam, **settings):
    """An optimizer that has taken a step, so that it has a state."""
    optimizer = kind(model.parameters(), lr=0.01, **settings)
    sum(out.square().mean() for out in model(torch.rand(2, 3, *SIZE))).backward()
    optimizer.step()
    return optimizer


@torch.no_grad()
def weaken(model, units, value=0.):
    """Make units unimportant; ``units`` maps groups to their indices."""
    groups = find_units(model)
    for name, index in units.items():
        groups[name].gamma[torch.tensor(index)] = value


def counts(model):
    return {name: len(group) for name, group in find_units(model).items()}


# ----------------------------------------------------------------------------- what goes


@pytest.mark.parametrize('transformer', ['none', 'all'])
def test_the_units_below_the_threshold_go_and_no_others(transformer):
    searcher, model = make(transformer, threshold=0.01)
    before = counts(model)
    first, last = next(iter(before)), list(before)[-1]
    weaken(model, {first: [0, 3], last: [1]}, value=0.009)
    weaken(model, {first: [5]}, value=0.011)
    result = searcher.step(model)
    assert counts(model) == {**before, first: before[first] - 2, last: before[last] - 1}
    assert searcher.survivors[first] == [1, 2, *range(4, before[first])]
    assert [r['group'] for r in result.removed] == [first, last]
    assert [sum(r['removed'].values()) for r in result.removed] == [2, 1]
    assert result.removed[-1]['kind'] == ('token' if transformer == 'all' else 'channel')
    assert result.removed[0]['left'] == before[first] - 2


def test_what_is_reported_is_counted_once_and_right(monkeypatch):
    """Importances from before the removal, costs from after it."""
    calls, original = [], module.importances
    monkeypatch.setattr(module, 'importances', lambda *args: calls.append(args) or original(*args))
    searcher, model = make(threshold=0.01)
    name = next(iter(find_units(model)))
    weaken(model, {name: [0, 1, 2]}, value=0.002)
    units = sum(counts(model).values())
    result = searcher.step(model)
    assert len(calls) == 1
    assert result.nearness['units'] == units and result.nearness['below'] == 3
    assert result.nearness['smallest'] == pytest.approx(0.002)
    assert sum(map(sum, result.importance.values())) == units
    assert result.costs == total(layer_costs(model, SIZE)) != searcher.supernet
    assert set(result.details()) == {
        'removed', 'importance', *result.costs, 'threshold', 'units', 'below', 'smallest', 'tenth'}


def test_a_search_traces_nothing(monkeypatch):
    searcher, model = make('all', target_params=100.)
    monkeypatch.setattr('mmst.costs.cost.run_image', None)
    assert searcher.step(model).costs == searcher.step(model).costs == searcher.supernet
    names = list(find_units(model))
    weaken(model, {name: [0, 1] for name in names})
    assert searcher.step(model).costs['params'] < searcher.supernet['params']
    assert len(counts(model)) == len(names)


def test_nothing_goes_where_factors_are_not_finite():
    searcher, model = make()
    before, last = counts(model), list(find_units(model))[-1]
    weaken(model, {next(iter(before)): [0]})
    weaken(model, {last: [0]}, value=float('nan'))
    with pytest.raises(TrainingError, match=f'{last} are not finite'):
        searcher.step(model)
    assert counts(model) == before


def test_a_group_can_vanish_and_is_named():
    searcher, model = make()
    name = next(iter(find_units(model)))
    weaken(model, {name: list(range(counts(model)[name]))})
    result = searcher.step(model)
    assert result.emptied == [name] and name not in counts(model)
    assert searcher.survivors[name] == []
    assert searcher.step(model).removed == []
    assert all(out.isfinite().all() for out in model(torch.rand(1, 3, *SIZE)))


def test_divisor_minimum_and_leave_alone_limit_what_goes():
    searcher, model = make(threshold=0.5, divisor=4, minimum=12,
                           leave_alone='parallels.1*')
    before = counts(model)
    alone = [name for name in before if searcher.leaves_alone(name)]
    assert alone and len(alone) < len(before)
    for name, count in before.items():
        weaken(model, {name: list(range(count - 1))}, value=0.1)
    searcher.step(model)
    for name, group in find_units(model).items():
        if name in alone:
            assert len(group) == before[name]
        else:
            assert len(group) >= 12 and all(n % 4 == 0 for n in group.count_by_label().values())


def test_the_decision_of_another_process_is_followed():
    searcher, model = make()
    name = next(iter(find_units(model)))
    before = counts(model)[name]
    weaken(model, {name: [0]})
    seen = []
    searcher.step(model, agree=lambda keep: seen.append(keep) or {name: [2, 4]})
    assert seen == [{name: list(range(1, before))}]
    assert counts(model)[name] == 2 and searcher.survivors[name] == [2, 4]


# ------------------------------------------------------------------- what follows a removal


@pytest.mark.parametrize('kind', [torch.optim.Adam, torch.optim.SGD])
def test_optimizer_masks_and_average_follow(kind):
    searcher, model = make('all')
    optimizer = trained(model, kind, **(dict(momentum=0.9) if kind is torch.optim.SGD else {}))
    average = copy.deepcopy(model)
    masks = {p: dict(pruned=torch.rand(p.shape) < 0.5) for p in model.parameters() if p.dim() == 4}
    groups = find_units(model)
    name, group = next((n, g) for n, g in groups.items() if g.kind == 'channel')
    keep = [i for i in range(len(group)) if i not in (1, 6)]
    gamma, state = group.gamma, optimizer.state[group.gamma]
    before = {k: v.clone() for k, v in state.items()}
    for network in (model, average):
        weaken(network, {name: [1, 6]})
    searcher.step(model, average, (optimizer, masks))
    assert find_units(model)[name].gamma is gamma, 'the optimizer holds the same parameter'
    for key, value in before.items():
        expected = value[keep] if value.dim() else value
        assert torch.equal(torch.as_tensor(state[key]), torch.as_tensor(expected))
    assert all(m['pruned'].shape == p.shape for p, m in masks.items())
    assert counts(model) == counts(average)
    assert [p.shape for p in model.parameters()] == [p.shape for p in average.parameters()]
    optimizer.zero_grad()
    sum(out.mean() for out in model(torch.rand(2, 3, *SIZE))).backward()
    optimizer.step()


@pytest.mark.parametrize('last, gone', [(False, [2]), (True, [1, 2])])
def test_both_factors_decide_and_at_the_last_search_the_averaged_one(last, gone):
    searcher, model = make()
    average = copy.deepcopy(model)
    name = next(iter(find_units(model)))
    weaken(model, {name: [0, 2]})
    weaken(average, {name: [1, 2]})
    searcher.step(model, average, last=last)
    assert searcher.survivors[name] == [
        unit for unit in range(len(searcher.survivors[name]) + len(gone)) if unit not in gone]


def test_a_searcher_goes_on_from_its_state():
    searcher, model = make()
    name = next(iter(find_units(model)))
    weaken(model, {name: [0, 1]})
    searcher.step(model)
    other = Searcher(NetworkCosts(SIZE))
    other.begin(model, copy.deepcopy(searcher.state()))
    assert other.state() == searcher.state() and other.survivors[name][0] == 2
    for mine, others in zip(searcher.penalty(model).costs, other.penalty(model).costs,
                            strict=True):
        assert torch.equal(mine, others)


# ------------------------------------------------------------------- penalty and target


def test_the_penalty_weighs_units_by_their_share_of_the_supernets_mean():
    searcher, model = make('all', leave_alone='parallels.1*')
    groups = find_units(model)
    macs = unit_macs(groups, feature_sizes(model, SIZE))
    mean = float(torch.cat(list(macs.values())).mean())
    penalty = searcher.penalty(model)
    searched = [name for name in groups if not searcher.leaves_alone(name)]
    assert [id(s) for s in penalty.scales] == [id(groups[name].gamma) for name in searched]
    for name, cost in zip(searched, penalty.costs, strict=True):
        torch.testing.assert_close(cost, macs[name] / mean)
    assert penalty.rho == 0.
    equal, model = make(resource_aware=False)
    assert all((cost == 1).all() for cost in equal.penalty(model).costs)


@pytest.mark.parametrize('key', ['macs', 'params'])
def test_a_search_with_a_target_ends_at_it_and_ends_the_penalty(key):
    setting = dict(macs='target_flops', params='target_params')[key]
    _, model = make()
    supernet = total(layer_costs(model, SIZE))[key]
    searcher, model = make(threshold=0.9, **{setting: 0.8 * supernet})
    torch.manual_seed(1)
    with torch.no_grad():
        for group in find_units(model).values():
            group.gamma.uniform_(0., 0.8)
    result = searcher.step(model)
    assert result.ratio == pytest.approx(1, abs=0.02) and not result.misses_target
    assert result.costs[key] == pytest.approx(0.8 * supernet, rel=0.02)
    assert searcher.rho == 0.
    smaller = counts(model)
    assert searcher.step(model).removed == [] and counts(model) == smaller


def test_rho_grows_while_the_target_is_missed():
    searcher, model = make(rho=0.2, target_params=1000.)
    result = searcher.step(model, done=1.)
    assert result.misses_target and searcher.rho == pytest.approx(0.3)
    without, model = make()
    assert without.step(model).ratio is None


@pytest.mark.parametrize('settings, key', [
    (dict(threshold=1), 'threshold'), (dict(threshold=True), 'threshold'), (dict(rho=-1), 'rho'),
    (dict(rho='much'), 'rho'), (dict(divisor=0), 'divisor'), (dict(minimum=1.5), 'minimum'),
    (dict(target_flops=float('nan')), 'target_flops'), (dict(target_params=0), 'target_params'),
    (dict(resource_aware='no'), 'resource_aware'), (dict(leave_alone=[3]), 'leave_alone')])
def test_settings_that_make_no_sense_are_refused(settings, key):
    with pytest.raises(ConfigError, match=f'^Searcher.{key} = .*Remedy: '):
        Searcher(NetworkCosts(SIZE), **settings)
    with pytest.raises(ConfigError, match=f'^SearchHook.{key} = '):
        Searcher(NetworkCosts(SIZE), owner='SearchHook', **settings)


@pytest.mark.parametrize('settings, key', [
    (dict(target_params=1e12), 'target_params'), (dict(target_flops=1.), 'target_flops'),
    (dict(leave_alone=['head']), 'leave_alone')])
def test_what_does_not_fit_the_network_is_refused(settings, key):
    for owner in ('Searcher', 'SearchHook'):
        searcher, model = make(owner=owner, **settings)
        with pytest.raises(ConfigError, match=f'^{owner}.{key} = '):
            searcher.check(model)


def test_a_network_without_units_is_refused():
    with pytest.raises(ConfigError, match='no search units'):
        Searcher(NetworkCosts(SIZE)).check(torch.nn.Conv2d(3, 3, 1))
