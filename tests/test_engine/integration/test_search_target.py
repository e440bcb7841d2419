"""Tiny runs whose search has a target, a divisor, a minimum, or layers to leave alone."""
import pytest
from tiny import SIZE, WEAKEN, find_hook, make, run, unwrap

from mmst.costs.cost import layer_costs, total
from mmst.engine import SearchHook
from mmst.engine.run.events import events
from mmst.errors import ConfigError
from mmst.search.units import find_units


def costs(runner):
    return total(layer_costs(unwrap(runner), SIZE))


def search(tmp_path, epochs=3, probes=(WEAKEN, ), **settings):
    return run(tmp_path, epochs, prune=False, recalibrate=False, probes=list(probes),
               search=dict(interval=1, **settings))


@pytest.fixture(scope='module')
def supernet(tmp_path_factory):
    """Costs of the tiny supernet."""
    return costs(make(tmp_path_factory.mktemp('supernet')))


@pytest.mark.parametrize('key, setting', [('macs', 'target_flops'), ('params', 'target_params')])
def test_the_searched_network_lands_at_the_target(tmp_path, supernet, key, setting):
    runner = search(tmp_path, **{setting: 0.75 * supernet[key]})
    assert costs(runner)[key] / supernet[key] == pytest.approx(0.75, rel=0.02)
    hook = find_hook(runner, SearchHook)
    assert hook.searcher.rho_factor == 0 and runner.optim_wrapper.penalty.rho == 0
    assert events(runner)[-1]['removed'] == []


def test_a_search_that_falls_short_raises_rho_and_says_so(tmp_path, supernet, monkeypatch):
    lines = []
    runner = make(tmp_path, 3, prune=False, recalibrate=False,
                  search=dict(interval=1, rho=1e-6, target_flops=0.2 * supernet['macs']))
    monkeypatch.setattr(runner.logger, 'warning', lambda line: lines.append(line))
    runner.train()
    assert find_hook(runner, SearchHook).searcher.rho_factor == pytest.approx(1.5**3)
    assert any('of its target' in line and 'SearchHook.rho' in line for line in lines)


def test_the_factor_on_rho_is_resumed(tmp_path, supernet):
    settings = dict(search=dict(interval=1, rho=1e-6, target_flops=0.2 * supernet['macs']),
                    prune=False, recalibrate=False, checkpoint=dict(interval=1))
    run(tmp_path, 2, **settings)
    runner = make(tmp_path, 3, resume=True, **settings)
    runner.train()
    assert find_hook(runner, SearchHook).searcher.rho_factor == pytest.approx(1.5**3)


def test_channels_stay_multiples_of_the_divisor(tmp_path):
    counts = [n for group in find_units(unwrap(search(tmp_path, 2, divisor=4))).values()
              for n in group.count_by_label().values()]
    assert counts and not any(n % 4 for n in counts) and min(counts) < 8


def test_groups_keep_the_minimum(tmp_path):
    runner = search(tmp_path, 3, minimum=7, threshold=0.999)
    assert min(len(group) for group in find_units(unwrap(runner)).values()) == 7


def test_layers_that_are_left_alone_keep_their_units_and_get_no_penalty(tmp_path):
    runner = search(tmp_path, 2, leave_alone='neck')
    groups = find_units(unwrap(runner))
    assert len(groups['neck.block.mixconv.channels']) == 3 * 2 * 8
    assert any(len(group) < 24 for name, group in groups.items() if 'neck' not in name)
    scales = {id(s) for s in runner.optim_wrapper.penalty.scales}
    assert id(groups['neck.block.mixconv.channels'].gamma) not in scales


@pytest.mark.parametrize('settings', [
    dict(target_flops=0), dict(target_params=-1.), dict(target_flops='2G'), dict(divisor=0),
    dict(divisor=2.), dict(minimum=-1), dict(leave_alone=['head'])])
def test_settings_that_make_no_sense_are_refused(tmp_path, settings):
    with pytest.raises(ConfigError, match=f'SearchHook.{next(iter(settings))} = .*Remedy: '):
        search(tmp_path, **settings)
