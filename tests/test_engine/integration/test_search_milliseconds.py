"""Tiny runs whose search has a target in milliseconds."""
import json
from pathlib import Path

import pytest
import torch
from small_nets import TwoBranches
from tiny import BACKBONE, NECK, SIZE, WEAKEN, TinySegmentor, find_hook, make, run, unwrap

from mmst.costs.latency.table import Entry, LatencyTable
from mmst.costs.latency.this_machine import this_machine
from mmst.costs.latency.timed_allocation import TimedAllocation
from mmst.costs.latency.timed_costs import Rest, TimedCosts
from mmst.costs.latency.work import kind_of, timed_modules
from mmst.engine import PruneHook, SearchHook
from mmst.engine.run.events import events
from mmst.errors import ConfigError
from mmst.pruning.draw import draw_mask
from mmst.pruning.pruner import Pruner
from mmst.search.target import copy_without_units
from mmst.search.units import find_units

#: Milliseconds of a hidden channel, and of its weights.
COSTS = dict(once=0.01, hidden=0.02, expand=0.001, taps=0.0005, project=0.001, coarse=0.001)


@pytest.fixture(scope='module')
def supernet():
    return TinySegmentor(BACKBONE, NECK)


@pytest.fixture(scope='module')
def table(supernet, tmp_path_factory):
    """The path of a table in which each block's channels cost as much as those of others."""
    path = tmp_path_factory.mktemp('table') / 'table.json'
    LatencyTable('sparse', 1, SIZE, this_machine(), {
        name: Entry(kind_of(module), COSTS) for name, module in timed_modules(supernet).items()
    }, overhead=0.1).save(path)
    return str(path)


def predicted(runner, table, mask=None):
    return LatencyTable.load(table).predict(unwrap(runner), mask)


def search(tmp_path, table, epochs=3, prune=False, **settings):
    return run(tmp_path, epochs, prune=prune, recalibrate=False, probes=[WEAKEN],
               search=dict(interval=1, table=table, **settings))


def test_the_searched_network_lands_at_the_time(tmp_path, supernet, table):
    whole = LatencyTable.load(table).predict(supernet)
    runner = search(tmp_path, table, target_ms=0.75 * whole)
    assert predicted(runner, table) / whole == pytest.approx(0.75, rel=0.03)
    hook = find_hook(runner, SearchHook)
    assert hook.searcher.rho_factor == 0 and hook.supernet['ms'] == pytest.approx(whole)
    last = [event for event in events(runner) if event['kind'] == 'search'][-1]
    assert last['ms'] == pytest.approx(predicted(runner, table)) and last['removed'] == []


def test_the_time_is_that_under_the_mask_of_the_target_sparsity(tmp_path, table):
    """Which is drawn to look at it alone."""
    seen = []

    def look(runner):
        costs, model = find_hook(runner, SearchHook).costs, unwrap(runner)
        before = [p.clone() for p in model.parameters()]
        mask = find_hook(runner, PruneHook).pruner.forecast(model)
        seen.append((mask.sparsity, costs(model)['ms'], predicted(runner, table, mask),
                     costs.largest(model)['ms'], predicted(runner, table)))
        assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
        assert find_hook(runner, PruneHook).mask_in_force(runner) is None

    run(tmp_path, 2, prune=dict(sparsity=0.8, interval=2), recalibrate=False,
        search=dict(interval=2, table=table, target_ms=2.5),
        probes=[(60, dict(after_train_epoch=lambda r: seen or look(r)))])
    (sparsity, found, masked, largest, dense), = seen
    assert sparsity == pytest.approx(0.8, abs=0.01)
    assert found == pytest.approx(masked) and found < 0.9 * dense
    assert largest == pytest.approx(dense)


def test_the_ticket_of_a_pruned_run_is_near_the_time(tmp_path, supernet, table):
    whole = LatencyTable.load(table).predict(supernet)
    runner = search(tmp_path, table, 4, dict(sparsity=0.6, interval=1), target_ms=0.5 * whole)
    mask = find_hook(runner, PruneHook).drawn or find_hook(runner, PruneHook).mask_in_force(runner)
    assert mask.sparsity == pytest.approx(0.6, abs=0.01)
    assert predicted(runner, table, mask) / whole == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize('scope', ['global', 'layer', None])
def test_times_of_fewer_units_are_those_of_the_network_without_the_others(table, scope):
    """Whose mask is drawn again, among the weights that are left."""
    costs = TimedCosts(SIZE, table)
    torch.manual_seed(0)
    model = TinySegmentor(BACKBONE, NECK)
    if scope is not None:
        costs.foresee(Pruner(0.8, scope=scope).forecast)
    groups = find_units(model)
    keep = {name: list(range(1, len(group), 2)) for name, group in groups.items()}
    keep[next(iter(groups))] = []
    smaller = copy_without_units(model, keep)
    assert costs.remaining(model)(keep) == pytest.approx(costs(smaller))
    assert costs.remaining(model)({}) == pytest.approx(costs(model))
    assert costs(model)['ms'] > costs(smaller)['ms']


@pytest.mark.parametrize('tokens', [[], [1, 3]])
def test_nothing_is_left_of_a_transformer_without_tokens(tokens):
    model = TwoBranches()
    name = next(name for name, group in find_units(model).items() if group.kind == 'token')
    pruner = Pruner(0.7, transformers=True)
    smaller = copy_without_units(model, {name: tokens})
    rest = Rest(model, {name: tokens})
    found, expected = pruner.forecast(model, rest.select), pruner.forecast(smaller)
    assert (found.total, found.pruned) == (expected.total, expected.pruned)
    assert all(torch.equal(found[key].flatten(), kept.flatten())
               for key, kept in expected.items())
    for key, kept in found.items():
        whole = rest.put_back(key, model.get_parameter(key), kept)
        assert whole.shape == model.get_parameter(key).shape and whole.sum() == kept.sum()


def test_the_part_that_a_search_would_leave_is_pruned_by_its_own_shares(supernet, table):
    """By LAMP and a table; the prices are those of the whole, and of the smaller network alike."""
    pruner = Pruner(0.7, criterion='lamp')
    pruner.allocation = TimedAllocation('magnitude', table)
    keep = {name: list(range(1, len(group), 2)) for name, group in find_units(supernet).items()}
    smaller = copy_without_units(supernet, keep)
    found = pruner.forecast(supernet, Rest(supernet, keep).select)
    left = {name: weight for name, weight in pruner.weights(smaller).items() if weight.numel()}
    scores = pruner.criterion.score(left, {})
    assert found.pruned == draw_mask(scores, 0.7).pruned
    for name, kept in found.items():
        if name in scores and kept.any() and not kept.all():
            assert scores[name][kept].min() >= scores[name][~kept].max(), name


def test_units_are_penalised_by_their_milliseconds(tmp_path, supernet, table):
    runner = make(tmp_path, 2, prune=False, search=dict(table=table))
    hook = find_hook(runner, SearchHook)
    runner.call_hook('before_run')
    hook.searcher.begin(unwrap(runner))
    penalty = hook.searcher.penalty(unwrap(runner))
    groups = find_units(unwrap(runner))
    assert float(torch.cat(penalty.costs).mean()) == pytest.approx(1)
    first = next(iter(groups))
    expand = 0.001 * 4
    by_size = dict(zip(groups[first].kernel_sizes, penalty.costs[0].tolist(), strict=True))
    assert by_size[7] > by_size[5] > by_size[3]
    ratio = (0.02 + 0.0005 * 49 + expand + 0.001 * 4) / (0.02 + 0.0005 * 9 + expand + 0.001 * 4)
    assert by_size[7] / by_size[3] == pytest.approx(ratio, rel=1e-3)


def test_a_run_goes_on_with_the_same_costs_and_with_a_table_that_it_had_not(tmp_path, table):
    settings = dict(prune=False, recalibrate=False, checkpoint=dict(interval=1))
    run(tmp_path / 'a', 2, search=dict(interval=1, table=table), **settings)
    again = make(tmp_path / 'a', 3, resume=True, search=dict(interval=1, table=table), **settings)
    again.train()
    mean = find_hook(again, SearchHook).searcher.mean_macs
    fresh = make(tmp_path / 'b', 3, search=dict(interval=1, table=table), **settings)
    fresh.train()
    assert mean == pytest.approx(find_hook(fresh, SearchHook).searcher.mean_macs, rel=0.2)
    run(tmp_path / 'c', 2, search=dict(interval=1), **settings)
    changed = make(tmp_path / 'c', 3, resume=True, search=dict(
        interval=1, table=table, target_ms=0.5), **settings)
    changed.train()
    assert find_hook(changed, SearchHook).supernet['ms'] > 0
    assert find_hook(changed, SearchHook).searcher.mean_macs < 1, 'of milliseconds'


def test_a_run_goes_on_by_the_table_that_it_began_with_or_not_at_all(tmp_path, table):
    path = tmp_path / 'table.json'
    path.write_text(Path(table).read_text())
    hooks = dict(prune=False, recalibrate=False, search=dict(interval=1, table=str(path)))
    run(tmp_path / 'run', 2, checkpoint=dict(interval=1), **hooks)
    content = json.loads(path.read_text())
    path.write_text(json.dumps(dict(content, overhead=2 * content['overhead'])))
    again = dict(resume=True, load_from=str(tmp_path / 'run/epoch_1.pth'), **hooks)
    with pytest.raises(ConfigError, match=r'^SearchHook\.table = .*measured again.*Remedy: put'):
        run(tmp_path / 'again', 2, **again)
    path.write_text(Path(table).read_text())
    assert run(tmp_path / 'again', 2, **again).epoch == 2


def test_a_table_of_another_machine_gives_a_warning(tmp_path, table, monkeypatch):
    content = json.loads(Path(table).read_text())
    content['machine']['processor'] = 'a pocket calculator'
    (tmp_path / 'other.json').write_text(json.dumps(content))
    lines = []
    runner = make(tmp_path / 'run', 1, prune=False, recalibrate=False, search=dict(
        interval=1, table=str(tmp_path / 'other.json'), target_ms=1.))
    monkeypatch.setattr(runner.logger, 'warning', lambda line: lines.append(line))
    runner.train()
    assert sum('pocket calculator' in line for line in lines) == 1


@pytest.mark.parametrize('settings, key, printed', [
    (dict(target_ms=3.), 'target_ms', 'there is no table'),
    (dict(target_ms=0, table=True), 'target_ms', 'above 0'),
    (dict(target_ms='3', table=True), 'target_ms', 'a number'),
    (dict(target_ms=3., table='none.json'), 'table', 'no such file'),
    (dict(target_ms=3., table=7), 'table', 'must be the path'),
    (dict(target_ms=1e6, table=True), 'target_ms', 'the whole network costs'),
    (dict(target_ms=1e-3, table=True), 'target_ms', 'no search can remove'),
    (dict(target_ms=3., table=True, input_shape=(32, 32)), 'table', 'images of 16x16'),
    (dict(target_ms=3., table=True, units='graph'), 'table', 'has no time of the units')])
def test_what_makes_no_sense_is_refused_in_one_line(tmp_path, table, settings, key, printed):
    if settings.get('table') is True:
        settings = dict(settings, table=table)
    with pytest.raises(ConfigError, match=f'SearchHook.{key} = .*{printed}.*Remedy: '):
        run(tmp_path, 3, prune=False, search=dict(interval=1, **settings))


def test_another_network_than_the_table_s_is_refused(tmp_path, table):
    with pytest.raises(ConfigError, match=r'SearchHook.table = .*does not cover.*Remedy: '):
        run(tmp_path, 3, prune=False, search=dict(interval=1, target_ms=3., table=table),
            model=dict(transformer='all'))
