"""Tables that are measured: what is timed, what is drawn, what is learnt from it."""
import itertools

import numpy as np
import pytest
import torch
from calm_tables import measure
from small_nets import TwoBranches
from sparse_nets import needs_kernel

from mmst.costs.latency.table import Entry, LatencyTable
from mmst.costs.latency.work import timed_modules, works_of
from mmst.deploy.profile import clock, measure_network, profile
from mmst.deploy.profile.clock import Timed, clock_of, take_times
from mmst.deploy.profile.draw import draw_ended, draw_networks
from mmst.deploy.profile.fit import fit_entry, fit_modules, fit_network, transfer
from mmst.deploy.profile.measure import share_explained
from mmst.deploy.profile.places import SparseEngine, TorchEngine
from mmst.errors import ConfigError
from mmst.search.units import find_units

SHAPE = (32, 64)


@pytest.fixture(scope='module')
def supernet():
    return TwoBranches().eval()


@pytest.fixture(scope='module')
def drawn(supernet):
    return list(draw_networks(supernet, 8, 0))


def test_networks_are_drawn_of_many_widths_and_densities(supernet, drawn):
    widths = [sum(map(len, find_units(model).values())) for model in drawn]
    full = sum(map(len, find_units(supernet).values()))
    assert min(widths) < 0.3 * full and max(widths) > 0.6 * full
    kept = [int(model.backbone.stem[0].conv.weight.count_nonzero()) for model in drawn]
    assert min(kept) < 0.3 * supernet.backbone.stem[0].conv.weight.numel() < max(kept)
    assert len(find_units(supernet)['neck.block.mixconv.channels']) == 60, 'it is copied'


@pytest.mark.parametrize(('scope', 'even'), [('global', False), ('layer', True)])
def test_half_of_the_networks_are_as_runs_end_with_them(supernet, monkeypatch, scope, even):
    monkeypatch.setattr('mmst.deploy.profile.draw.SCOPES', (scope, ))
    monkeypatch.setattr('mmst.deploy.profile.draw.SPARSITIES', (0.5, ))
    monkeypatch.setattr('mmst.deploy.profile.draw.ENDED_SPREADS', (0., ))
    model = draw_ended(supernet, np.random.default_rng(1))
    before = find_units(supernet)
    shares = [len(group) / len(before[name]) for name, group in find_units(model).items()]
    assert max(shares) - min(shares) < 0.1 and min(shares) >= 0.25
    kept = [float((m.weight != 0).float().mean()) for m in model.modules()
            if isinstance(m, torch.nn.Conv2d) and m.weight.numel() > 100]
    assert (max(kept) - min(kept) < 0.1) == even


def test_costs_are_found_again_from_times_that_they_make():
    rng = np.random.default_rng(1)
    true = dict(once=0.2, hidden=0.003, taps=0.00002)
    works = [dict(hidden=float(h), taps=float(t), none=0.) for h, t in
             rng.integers(0, 400, (30, 2))]
    times = [true['once'] + sum(true.get(n, 0) * c for n, c in own.items()) for own in works]
    entry = fit_entry('block', works, times)
    assert entry.ms == pytest.approx(true, rel=1e-3) and entry.spread < 1e-3
    noisy = fit_entry('block', works, [time * f for time, f in
                                       zip(times, rng.uniform(.9, 1.1, 30), strict=True)])
    assert 0.03 < noisy.spread < 0.1 and all(value > 0 for value in noisy.ms.values())
    falling = fit_entry('block', works, [1 / (1 + own['hidden']) for own in works])
    assert 'hidden' not in falling.ms, 'work never makes a module quicker'


def test_modules_that_are_alike_learn_from_each_other():
    """Of few noisy times, more costs than these can tell: those of others say the rest."""
    rng = np.random.default_rng(3)
    true = dict(once=.05, hidden=.004, taps=.0003, project=.0002, expand=.0005)

    def draw(count):
        return [{path: {name: float(rng.integers(0, 300)) for name in true if name != 'once'}
                 for path in 'abcdef'} for _ in range(count)]

    def time_of(counts):
        return true['once'] + sum(true[name] * count for name, count in counts.items())

    def mean_error(table):
        return np.mean([abs(table[path].milliseconds(own[path]) / time_of(own[path]) - 1)
                        for own in others for path in own])

    works, others = draw(6), draw(50)
    times = [{path: time_of(counts) * rng.uniform(.8, 1.2) for path, counts in own.items()}
             for own in works]
    kinds = dict.fromkeys('abcdef', 'block')
    alone = fit_modules(kinds, list('abcdef'), works, times)
    together = fit_modules(kinds, ['abc', 'def'], works, times)
    assert list(together) == list(kinds)
    assert mean_error(together) < 0.6 * mean_error(alone)


def test_a_module_that_differs_from_those_like_it_keeps_its_own_costs():
    rng = np.random.default_rng(4)
    works = [{path: dict(hidden=float(rng.integers(1, 300))) for path in 'ab'} for _ in range(40)]
    times = [dict(a=.1 + .003 * own['a']['hidden'], b=.1 + .006 * own['b']['hidden'])
             for own in works]
    found = fit_modules(dict(a='block', b='block'), ['ab'], works, times)
    assert found['a'].ms['hidden'] < .0042 and found['b'].ms['hidden'] > .0048


def whole_table(**modules):
    return LatencyTable('sparse', 1, SHAPE, dict(device='cpu'), modules)


def test_what_networks_take_beyond_their_modules_is_found_again():
    table = whole_table(a=Entry('block', dict(once=1., hidden=2.)))
    works = [dict(a=dict(hidden=hidden)) for hidden in (0., .5, 1.)]
    table = fit_network(table, works, [1.6, 2.7, 3.8])
    assert (table.overhead, table.factor) == pytest.approx((0.5, 1.1))
    assert table.modules['a'].ms == dict(once=1., hidden=2.)


def test_networks_take_longer_between_modules_the_more_blocks_are_left():
    table = whole_table(a=Entry('block', dict(once=1., hidden=2.)), b=Entry('stem', dict(once=3.)))
    rng = np.random.default_rng(0)
    works = [dict(a=dict(hidden=h, active=float(h > 0.3)), b={}) for h in rng.uniform(0, 1, 12)]
    wholes = [0.5 + 1.1 * table.milliseconds(own) + 0.2 * own['a']['active'] for own in works]
    found = fit_network(table, works, wholes)
    for own, whole in zip(works, wholes, strict=True):
        assert found.milliseconds(own) == pytest.approx(whole, rel=1e-3)
    assert found.factor * found.modules['a'].ms['active'] == pytest.approx(0.2, rel=1e-2)
    assert found.modules['b'].ms == dict(once=3.), 'no block'


def test_costs_of_calls_channels_and_tokens_get_a_factor_each_elsewhere():
    table = whole_table(
        a=Entry('block', dict(once=.1, hidden=.02, active=.3)),
        b=Entry('block', dict(once=.2, hidden=.01, taps=.001, pairs=.002, attends=.1), .07))
    rng = np.random.default_rng(2)
    works = [dict(a=dict(hidden=float(h), active=float(h > 50)), b=dict(
        hidden=float(g), taps=float(t), pairs=float(p), attends=float(p > 40)))
        for h, g, t, p in rng.integers(0, 100, (30, 4))]

    def there(own):  # calls take 5 times as long, channels 3 times, tokens half as long
        return 2. + (5 * (.1 + .3 * own['a']['active'] + .2 + .1 * own['b']['attends'])
                     + 3 * (.02 * own['a']['hidden'] + .01 * own['b']['hidden']
                            + .001 * own['b']['taps']) + .5 * .002 * own['b']['pairs'])

    moved = transfer(table, works, [there(own) for own in works])
    for own in works:
        assert moved.milliseconds(own) == pytest.approx(there(own), rel=1e-3)
    assert moved.modules['a'].ms['hidden'] == pytest.approx(.06, rel=1e-3)
    assert moved.modules['b'].ms['pairs'] == pytest.approx(.001, rel=1e-2)
    assert moved.modules['b'].kind == 'block' and moved.modules['b'].spread == .07


def test_a_table_predicts_times_made_of_the_work(supernet, monkeypatch):
    """Modules take a time that is known: the clock goes on by it, whatever the machine does."""
    def take(place, timed, image, rounds):
        for network in timed:
            parts_of = {path: round(1e6 * cost(path, counts)) for path, counts
                        in network.counts.items()}
            network.whole.append(round(0.5e6 + 1.2 * sum(parts_of.values())))
            for path in network.modules:
                network.parts.setdefault(path, []).append(parts_of[path])

    def cost(path, counts):
        return 0.01 * len(path) + sum(1e-4 * len(name) * value for name, value in counts.items())

    def prepared(place, model, paths=()):
        timed = Timed(None, dict.fromkeys(paths))
        timed.counts = {path: work() for path, work in works_of(model, 'sparse').items()}
        return timed

    monkeypatch.setattr(SparseEngine, 'take', take)
    monkeypatch.setattr(SparseEngine, 'prepare', prepared)
    table = profile(supernet, SHAPE, networks=20, checked=3, rounds=1)
    assert table.check['networks'] == 3 and table.check['largest_error'] < 0.02
    assert table.check['repeat_error'] == 0
    assert table.overhead == pytest.approx(0.5, rel=0.1)
    assert table.factor == pytest.approx(1.2, rel=0.02)


class Noise(TorchEngine):
    """A machine whose other work decides what a call takes."""

    def __init__(self, spread, seed):
        super().__init__()
        self.rng, self.spread = np.random.default_rng(seed), spread

    def take(self, networks, image, rounds):
        for network in networks:
            network.whole.append(5e6 * (1 + self.spread * self.rng.normal()))
            network.parts.update((path, [1e5]) for path in network.modules)


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('spread', [0., 0.03, 0.2])
def test_a_table_of_noise_is_refused(supernet, spread):
    for seed in range(4):
        with pytest.raises(ConfigError, match=r'rounds = 1: .*noise.* Remedy: use e\.g\. 4'):
            profile(supernet, SHAPE, Noise(spread, seed), networks=24, checked=1, rounds=1,
                    seed=seed)


@pytest.mark.parametrize('predicted, measured, share', [
    ([1, 2, 4], [1., 2., 4.], 1), ([5, 5, 5], [5., 5., 5.], 0), ([2, 2, 2], [1., 2., 3.], 0),
    ([1, 2], [1., 3.], 0.5)])
def test_predictions_explain_differences_between_times_if_there_are_any(predicted, measured, share):
    assert share_explained(predicted, measured) == share


@needs_kernel
@pytest.mark.parametrize('place', [SparseEngine, TorchEngine])
def test_a_table_of_this_machine_covers_the_supernet_and_is_read_back(supernet, drawn, place,
                                                                      tmp_path):
    tries = []

    def log(line):
        if line.startswith('network 1 of'):
            tries.append([])  # with more calls, where others use the machine
        tries[-1].append(line)

    table, rounds = measure(supernet, SHAPE, place(), networks=12, checked=2, log=log)
    assert list(table.modules) == list(timed_modules(supernet)) and len(tries[-1]) == 14 + rounds
    table.save(tmp_path / 'table.json')
    table = LatencyTable.load(tmp_path / 'table.json')
    table.check_covers(drawn[0], 'table', 'x', SHAPE)
    # Of twelve networks, timed while others use the machine: no more than the order is sure.
    assert 0.1 < table.predict(drawn[1]) / measure_network(drawn[1], table, 3) < 10
    assert all(entry.ms for entry in table.modules.values())


def test_every_timed_module_is_called_and_times_add_up(supernet):
    modules = {path: supernet.get_submodule(path) for path in timed_modules(supernet)}
    timed = Timed(lambda image: supernet(image), modules)
    take_times([timed, timed], torch.randn(1, 3, *SHAPE), 2, 1, clock_of(1))
    assert len(timed.whole) == 4 and {len(times) for times in timed.parts.values()} == {4}
    assert 0.3 < sum(timed.of_modules().values()) / timed.milliseconds() < 1.5
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in supernet.modules())


def test_the_noise_of_a_machine_is_the_difference_of_two_halves_of_the_calls():
    calm, restless = (Timed(None, whole=whole) for whole in ([5] * 6, [5, 6] * 3))
    assert calm.repetition_error() == 0 and restless.repetition_error() == pytest.approx(1 / 6)
    assert Timed(None, whole=[5]).repetition_error() == 0


@pytest.mark.parametrize(('tick', 'warm'), [(20_000_000, 1), (4_000_000, 4), (1, clock.MOST)])
def test_networks_take_turns_and_a_turn_s_first_calls_do_not_count(tick, warm):
    calls, ticks = [], itertools.count(0, tick)
    first, second = (Timed(lambda image, n=n: calls.append(n)) for n in 'ab')
    before = torch.get_num_threads()
    take_times([first, second], torch.zeros(1), 3, 1, lambda: next(ticks))
    turn = 'a' * (warm + 1) + 'b' * (warm + 1)
    assert ''.join(calls) == turn * 3 and first.whole == second.whole == [tick] * 3
    assert torch.get_num_threads() == before


@pytest.mark.parametrize('settings, key', [
    (dict(networks=2), 'networks'), (dict(checked=0), 'checked'), (dict(rounds=0), 'rounds')])
def test_settings_that_make_no_sense_are_refused(supernet, settings, key):
    with pytest.raises(ConfigError, match=f'{key} = .*Remedy: '):
        profile(supernet, SHAPE, **settings)


def test_a_network_without_search_blocks_is_refused():
    with pytest.raises(ConfigError, match='no search blocks'):
        profile(torch.nn.Sequential(torch.nn.Linear(3, 3)), SHAPE)
