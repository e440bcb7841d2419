"""Tiny runs whose layers' densities follow a table of milliseconds."""
import json
from pathlib import Path

import pytest
import torch
from tables import save_table
from tiny import BACKBONE, NECK, SIZE, TinySegmentor, find_hook, run, unwrap

from mmst.costs.latency.table import LatencyTable
from mmst.costs.latency.timed_allocation import TimedAllocation
from mmst.costs.latency.timed_costs import TimedCosts
from mmst.costs.latency.weight_prices import WeightPrices
from mmst.engine import PruneHook
from mmst.errors import ConfigError
from mmst.pruning.allocation import AIMS, Layers, find_worth, kept_in_all
from mmst.pruning.criteria import LAMP, Magnitude
from mmst.pruning.draw import draw_mask
from mmst.pruning.pruner import Pruner
from mmst.search.target import copy_without_units
from mmst.search.units import find_units


@pytest.fixture(scope='module')
def supernet():
    torch.manual_seed(0)
    return TinySegmentor(BACKBONE, NECK)


@pytest.fixture(scope='module')
def table(supernet, tmp_path_factory):
    """The path of a table in which the modules that come first cost most."""
    return save_table(supernet, SIZE, tmp_path_factory.mktemp('table') / 'table.json')


class ByGradients(Magnitude):
    needs_gradients = True


def scores_of(model):
    return {name: p.detach().abs() for name, p in Pruner(0.5).weights(model).items()}


def loss_of(scores, mask):
    return sum(float(score[~mask[name]].double().square().sum())
               for name, score in scores.items())


@pytest.mark.parametrize('ratio', [0.5, 0.8, 0.95])
@pytest.mark.parametrize('aim', AIMS)
def test_masks_are_quicker_or_larger_than_even_ones_of_as_many_weights(supernet, table, aim, ratio):
    scores, times = scores_of(supernet), LatencyTable.load(table)
    allocation = TimedAllocation(aim, table)
    allocation.follow(supernet)
    mask, even, whole = allocation(scores, ratio), *(
        draw_mask(scores, ratio, scope) for scope in ('layer', 'global'))
    assert mask.pruned == whole.pruned
    ms, loss = times.predict(supernet, mask), loss_of(scores, mask)
    even_ms, even_loss = times.predict(supernet, even), loss_of(scores, even)
    if aim == 'ms':
        assert ms < 0.9 * even_ms and loss <= 1.01 * even_loss
    else:
        assert loss < 0.97 * even_loss and ms <= 1.01 * even_ms
    assert ms <= times.predict(supernet, whole) and loss >= loss_of(scores, whole)


def timed(supernet, table, ratio, share):
    """An allocation that may take ``share`` of the milliseconds of a mask over the whole network.
    """
    whole = LatencyTable.load(table).predict(supernet, draw_mask(scores_of(supernet), ratio))
    allocation = TimedAllocation('magnitude', table, target_ms=share * whole, sparsity=ratio)
    allocation.follow(supernet)
    return allocation


@pytest.mark.parametrize(('ratio', 'share', 'loses'), [
    (0.4, 0.9, 1.08), (0.7, 0.9, 1.01), (0.7, 0.8, 1.02), (0.8, 0.8, 1.01), (0.7, 1.1, 1)])
def test_a_mask_takes_as_long_as_it_may_and_loses_little_for_that(supernet, table, ratio, share,
                                                                  loses):
    scores, allocation = scores_of(supernet), timed(supernet, table, ratio, share)
    mask, whole = allocation(scores, ratio), draw_mask(scores, ratio)
    assert mask.pruned == whole.pruned and not allocation.shortfall()
    ms, target = LatencyTable.load(table).predict(supernet, mask), min(share, 1) / share
    assert 0.97 * target <= ms / allocation.target_ms <= target + 1e-6
    assert loss_of(scores, mask) <= loses * loss_of(scores, whole)


@pytest.mark.parametrize(('ratio', 'share'), [(0.4, 0.5), (0.7, 0.6), (0.8, 0.6)])
def test_no_layer_loses_more_than_half_of_what_a_mask_over_the_network_leaves_it(
        supernet, table, ratio, share):
    """A first convolution of few weights costs most; without it the network sees nothing."""
    scores = scores_of(supernet)
    mask, whole = timed(supernet, table, ratio, share)(scores, ratio), draw_mask(scores, ratio)
    for name, kept in whole.items():
        squares = scores[name].double().square()
        assert squares[mask[name]].sum() >= 0.5 * squares[kept].sum(), name


def test_prices_around_the_mask_itself_lose_less_than_those_around_an_even_one(supernet, table):
    scores, allocation = scores_of(supernet), timed(supernet, table, 0.4, 0.7)
    layers, total = Layers(scores), kept_in_all(scores, 0.4)
    prices = WeightPrices(LatencyTable.load(table), supernet, scores)
    even, half = prices(layers.even(total)), layers.holding(layers.whole(total), 0.5)
    worth = find_worth(layers, total, even, 'magnitude', prices.predict, allocation.target_ms, half)
    once = layers.counts(total, even, worth, half)
    assert loss_of(scores, allocation(scores, 0.4)) < 0.95 * layers.loss(once)


def test_shares_of_layers_are_allotted_as_magnitudes_are(supernet, table):
    """By LAMP, whose squares are what layers lose of themselves."""
    scores, allocation = LAMP().score(scores_of(supernet), {}), timed(supernet, table, 0.7, 0.7)
    mask, even = allocation(scores, 0.7), draw_mask(scores, 0.7, 'layer')
    ms = LatencyTable.load(table).predict(supernet, mask)
    assert mask.pruned == draw_mask(scores, 0.7).pruned and not allocation.shortfall()
    assert 0.97 <= ms / allocation.target_ms <= 1 + 1e-6
    assert ms < LatencyTable.load(table).predict(supernet, even)
    assert loss_of(scores, mask) < loss_of(scores, even)


def test_masks_before_the_last_one_are_drawn_by_the_prices_that_lead_to_it(supernet, table):
    scores, times = scores_of(supernet), LatencyTable.load(table)
    allocation = timed(supernet, table, 0.7, 0.7)
    early, whole = allocation(scores, 0.4), draw_mask(scores, 0.4)
    assert early.pruned == whole.pruned
    assert allocation.target_ms < times.predict(supernet, early) < times.predict(supernet, whole)


def test_a_target_that_no_mask_reaches_is_told(tmp_path, table):
    lines = []

    def listen(runner):
        runner.logger.warning = lambda words, *args: lines.append(words)

    runner = run(tmp_path, 1, search=False, recalibrate=False, probes=[
        (50, dict(before_train=listen))], prune=dict(
            sparsity=0.7, interval=1, reactivation=None, allocation='magnitude', table=table,
            target_ms=1e-3))
    told = [line for line in lines if 'PruneHook.target_ms = 0.001' in line]
    least = LatencyTable.load(table).predict(unwrap(runner))
    assert len(told) == 1 and f'takes {least:.3g} ms' in told[0] and 'Remedy' in told[0]


def test_an_even_draw_s_milliseconds_that_no_mask_reaches_are_told(supernet, table):
    """The first layers cost most, and hold the largest weights, half of which stay."""
    scores = scores_of(supernet)
    first, *others = scores
    scores = {first: scores[first] + 10, **{name: scores[name] for name in others}}
    allocation = TimedAllocation('magnitude', table, 'PruneHook.table', sparsity=0.98)
    allocation.follow(supernet)
    even = LatencyTable.load(table).predict(supernet, draw_mask(scores, 0.95, 'layer'))
    took = LatencyTable.load(table).predict(supernet, allocation(scores, 0.95))
    told = allocation.shortfall()
    assert took > even and told.startswith("PruneHook.allocation = 'magnitude': ")
    assert f'mask of sparsity 0.95 takes {took:.3g} ms at least' in told
    assert 'even draw. Remedy: give PruneHook.target_ms' in told
    quickest = TimedAllocation('ms', table)
    quickest.follow(supernet)
    assert quickest(scores, 0.95).pruned and not quickest.shortfall()


@pytest.mark.parametrize('search', [None, dict(interval=1, threshold=0.3)], ids=str)
def test_a_run_ends_at_the_milliseconds(tmp_path, supernet, table, search):
    whole = LatencyTable.load(table).predict(supernet, draw_mask(scores_of(supernet), 0.7))
    target = (0.65 if search else 0.8) * whole
    runner = run(tmp_path, 2, search=search or False, recalibrate=False, prune=dict(
        sparsity=0.7, interval=1, reactivation='search' if search else None,
        allocation='magnitude', table=table, target_ms=target))
    hook = find_hook(runner, PruneHook)
    assert hook.drawn.sparsity == pytest.approx(0.7, abs=2e-3)
    assert LatencyTable.load(table).predict(unwrap(runner)) == pytest.approx(target, rel=0.03)


def test_search_and_masks_that_both_aim_at_a_time_are_refused(tmp_path, table):
    with pytest.raises(ConfigError, match=r'PruneHook\.target_ms = 3\.0: .*Remedy: omit one'):
        run(tmp_path, 2, recalibrate=False, search=dict(interval=1, target_ms=2., table=table),
            prune=dict(sparsity=0.7, interval=1, allocation='magnitude', table=table,
                       target_ms=3.))


def test_weights_that_a_mask_prunes_stay_pruned(supernet, table):
    scores, allocation = scores_of(supernet), TimedAllocation('magnitude', table)
    allocation.follow(supernet)
    first = allocation(scores, 0.5)
    second = allocation(scores, 0.8, first)
    assert second.sparsity == pytest.approx(0.8, abs=1e-3)
    assert all(bool((kept <= first[name]).all()) for name, kept in second.items())


def test_a_price_is_the_time_that_a_share_of_the_weights_adds(supernet, table):
    scores = scores_of(supernet)
    prices = WeightPrices(LatencyTable.load(table), supernet, scores)
    counts = Layers(scores).even(2000)
    found = prices(counts)
    assert set(found) == set(scores) and all(price >= 0 for price in found.values())
    name = 'backbone.stem.0.conv.weight'
    assert found[name] == pytest.approx(0.002), 'its work is its weights alone'
    mask = prices.ranks.mask(counts)
    assert {name: int(kept.sum()) for name, kept in mask.items()} == counts
    assert prices.predict(counts) == pytest.approx(
        LatencyTable.load(table).predict(supernet, mask))


@pytest.mark.parametrize(('aim', 'criterion'), [('ms', Magnitude()), ('magnitude', LAMP())])
def test_searches_foresee_the_mask_of_the_layers_densities(table, aim, criterion):
    pruner, allocation = Pruner(0.8, criterion=criterion), TimedAllocation(aim, table)
    torch.manual_seed(0)
    model = TinySegmentor(BACKBONE, NECK)
    pruner.allocation = allocation
    allocation.follow(model)
    drawn = allocation(criterion.score(pruner.weights(model), {}), 0.8)
    forecast = pruner.forecast(model)
    assert all(torch.equal(forecast[name], kept) for name, kept in drawn.items())
    costs = TimedCosts(SIZE, table)
    costs.foresee(pruner.forecast)
    keep = {name: list(range(1, len(group), 2)) for name, group in find_units(model).items()}
    found = costs.remaining(model)(keep)['ms']
    assert found == pytest.approx(costs(copy_without_units(model, keep))['ms'], rel=0.2)
    with torch.no_grad():
        for weight in pruner.weights(model).values():
            weight.copy_(torch.rand_like(weight))
    changed = pruner.forecast(model)
    assert any(not torch.equal(changed[name], kept) for name, kept in forecast.items())


@pytest.mark.parametrize(('aim', 'criterion'), [
    ('ms', 'magnitude'), ('magnitude', 'magnitude'), ('magnitude', 'lamp')])
@pytest.mark.parametrize(('reactivation', 'search'), [
    ('prune', None), (None, None), ('search', dict(interval=1, threshold=0.3))])
def test_runs_end_at_the_sparsity_with_such_a_mask(tmp_path, table, aim, criterion, reactivation,
                                                   search):
    runner = run(tmp_path, 2, recalibrate=False, search=search or False, prune=dict(
        sparsity=0.7, interval=1, reactivation=reactivation, allocation=aim, table=table,
        criterion=criterion))
    hook, model = find_hook(runner, PruneHook), unwrap(runner)
    mask = hook.drawn or hook.mask_in_force(runner)
    assert mask.sparsity == pytest.approx(0.7, abs=2e-3)
    densities = {name: float(kept.float().mean()) for name, kept in mask.items()}
    assert max(densities.values()) - min(densities.values()) > 0.3
    assert LatencyTable.load(table).predict(model) > 0


def test_a_resumed_run_draws_the_same_masks(tmp_path, table):
    settings = dict(search=False, recalibrate=False, prune=dict(
        sparsity=0.7, interval=1, reactivation=None, allocation='magnitude', table=table))
    whole = run(tmp_path / 'whole', 3, checkpoint=dict(interval=1), **settings)
    epochs = []
    again = run(tmp_path / 'again', 3, resume=True, load_from=str(tmp_path / 'whole/epoch_1.pth'),
                probes=[(50, dict(before_train_epoch=lambda r: epochs.append(r.epoch)))],
                **settings)
    assert epochs == [1, 2]
    masks = [find_hook(runner, PruneHook).drawn for runner in (whole, again)]
    assert all(torch.equal(kept, masks[1][name]) for name, kept in masks[0].items())
    for one, other in zip(unwrap(whole).parameters(), unwrap(again).parameters(),
                          strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(('settings', 'words'), [
    (dict(allocation='fast'), ['PruneHook.allocation', "'fast'"]),
    (dict(allocation=3), ['PruneHook.allocation', '3']),
    (dict(allocation='ms', table=None), ['PruneHook.allocation', 'mmst profile']),
    (dict(allocation=None), ['PruneHook.table', 'PruneHook.allocation']),
    (dict(target_ms=3.), ['PruneHook.target_ms = 3.0', "allocation='magnitude'"]),
    (dict(allocation=None, table=None, target_ms=3.), ['PruneHook.target_ms = 3.0', "'magnitude'"]),
    (dict(allocation='magnitude', target_ms=0), ['PruneHook.target_ms = 0', 'above 0']),
    (dict(allocation='magnitude', target_ms='x'), ["PruneHook.target_ms = 'x'", 'e.g. 30']),
    (dict(scope='layer'), ['PruneHook.scope', "scope='global'"]),
    (dict(criterion='random'), ['PruneHook.criterion', "criterion='magnitude' or 'lamp'"]),
    (dict(criterion=ByGradients), ['PruneHook.criterion', "criterion='magnitude' or 'lamp'"]),
    (dict(criterion=dict(type='obc')), ["PruneHook.criterion = 'obc'", "criterion='magnitude'"]),
    (dict(family=(0.5, 0.9), revive='value'), ['PruneHook.family', 'family=None'])])
def test_settings_that_contradict_it_are_refused_in_one_line(settings, words):
    with pytest.raises(ConfigError) as error:
        PruneHook(**{**dict(sparsity=0.9, allocation='ms', table='t.json'), **settings})
    text = str(error.value)
    assert '\n' not in text and 'Remedy' in text and all(word in text for word in words)


@pytest.mark.parametrize('content', [None, '{}', 'no table'])
def test_a_table_that_cannot_be_used_is_refused_before_the_run(tmp_path, content):
    path = tmp_path / 'table.json'
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r'PruneHook\.table'):
        run(tmp_path / 'work', 1, search=False, recalibrate=False, prune=dict(
            sparsity=0.7, interval=1, reactivation=None, allocation='ms', table=str(path)))


def changed(table, path, **changes):
    """The path of a copy of a table with other entries."""
    path.write_text(json.dumps({**json.loads(Path(table).read_text()), **changes}))
    return str(path)


def test_a_table_of_an_engine_to_which_zeros_are_no_gain_is_refused(supernet, tmp_path):
    path = save_table(supernet, SIZE, tmp_path / 'table.json', engine='torch')
    with pytest.raises(ConfigError, match=r'^PruneHook\.table = .*torch.*--device cpu'):
        TimedAllocation('ms', path, 'PruneHook.table').follow(supernet)


def test_search_and_masks_have_the_same_table_and_images(supernet, table, tmp_path):
    slow = changed(table, tmp_path / 'slow.json', overhead=3.)
    large = changed(table, tmp_path / 'large.json', input_shape=[32, 48])
    for search, path, words in ((dict(table=table), slow, 'other times.*the same table'),
                                ({}, large, 'images of 32x48.*--shape 16 16')):
        with pytest.raises(ConfigError, match=rf'^PruneHook\.table = .*{words}'):
            run(tmp_path / 'work', 1, recalibrate=False, search=dict(interval=1, **search),
                prune=dict(sparsity=0.7, interval=1, allocation='ms', table=path))


def test_masks_by_a_table_of_another_machine_give_one_warning(table, tmp_path):
    machine = dict(json.loads(Path(table).read_text())['machine'], processor='an abacus')
    other, lines = changed(table, tmp_path / 'other.json', machine=machine), []

    def listen(runner):
        runner.logger.warning = lambda words, *args: lines.append(words)

    for search in (False, dict(interval=1, table=other)):
        lines.clear()
        run(tmp_path / f'work{bool(search)}', 1, search=search, recalibrate=False,
            probes=[(1, dict(before_run=listen))], prune=dict(
                sparsity=0.7, interval=1, reactivation=None, allocation='ms', table=other))
        assert sum('an abacus' in line for line in lines) == 1


def test_a_table_of_another_network_is_refused(supernet, table, tmp_path):
    path = tmp_path / 'other.json'
    path.write_text(Path(table).read_text().replace('backbone.stem', 'backbone.other', 1))
    with pytest.raises(ConfigError, match=r'PruneHook\.table'):
        TimedAllocation('ms', str(path), 'PruneHook.table').follow(supernet)
