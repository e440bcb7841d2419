"""The search in a run: the penalty between searches, removal with all that is alive."""
import copy

import pytest
import torch
from tiny import (
    SIZE,
    WEAKEN,
    averaged_model,
    events,
    find_hook,
    make,
    pruned_weights,
    run,
    timeline,
    unwrap,
    weaken,
)

from mmst.costs.cost import feature_sizes, layer_costs, total
from mmst.engine import SearchHook
from mmst.errors import TrainingError
from mmst.models import search_blocks
from mmst.search.cost import unit_macs
from mmst.search.units import find_units

ALL = dict(transformer='all')


def penalties(found):
    """A probe before each step: the penalty that it will add."""

    def act(runner):
        penalty = runner.optim_wrapper.penalty
        found.append((runner.iter, penalty.rho, [cost.clone() for cost in penalty.costs],
                      penalty.scales))

    return 99, dict(before_train_iter=act)


# ----------------------------------------------------------------------------- the penalty


def test_strength_warms_up_linearly_per_iteration_from_0(tmp_path):
    found = []
    run(tmp_path, 4, search=dict(rho=0.4, warmup=2, interval=4), prune=False, ema=False,
        probes=[penalties(found)])
    assert [rho for _, rho, *_ in found] == pytest.approx([0., 0.1, 0.2, 0.3] + [0.4] * 4)


def test_relative_costs_are_those_of_the_initial_supernet_and_its_mean_stays(tmp_path):
    found = []
    runner = make(tmp_path, 4, length=4, prune=False, model=ALL, probes=[WEAKEN, penalties(found)],
                  ema=False)
    model = copy.deepcopy(unwrap(runner))
    sizes = feature_sizes(model, SIZE)
    initial = unit_macs(find_units(model), sizes)
    mean = float(torch.cat(list(initial.values())).mean())
    runner.train()
    for cost, expected in zip(found[0][2], initial.values(), strict=True):
        torch.testing.assert_close(cost, expected / mean)
    assert find_hook(runner, SearchHook).searcher.mean_macs == pytest.approx(mean)
    # After the last search; the scales are those of the shrunk network.
    groups = find_units(unwrap(runner))
    penalty = runner.optim_wrapper.penalty
    assert [id(scale) for scale in penalty.scales] == [id(g.gamma) for g in groups.values()]
    for name, cost, expected in zip(groups,
                                    penalty.costs,
                                    unit_macs(groups, sizes).values(),
                                    strict=True):
        torch.testing.assert_close(cost, expected / mean)
        if groups[name].kind == 'token':
            assert len(cost) < len(initial[name]) and cost[0] < float(initial[name][0]) / mean


def test_network_slimming_counts_every_unit_alike(tmp_path):
    found = []
    run(tmp_path, 2, length=4, search=dict(resource_aware=False), prune=False, ema=False,
        probes=[penalties(found)])
    assert all((cost == 1).all() for *_, costs, _ in found for cost in costs)


def test_costs_are_counted_at_the_resolution_of_the_task(tmp_path):
    means = []
    for shape in (SIZE, (16, 64)):
        runner = run(tmp_path, 1, length=4, prune=False, ema=False,
                     search=dict(input_shape=shape, interval=1))
        means.append(find_hook(runner, SearchHook).searcher.mean_macs)
    assert means[1] == pytest.approx(4 * means[0])


def test_the_penalty_reaches_the_scales_once_a_step_with_its_cost(tmp_path):
    """Against the same run without it, from the same start: plain SGD, one step."""
    ends = []
    for rho in (0., 0.3):
        runner = run(tmp_path / str(rho), 1, length=4, prune=False, ema=False,
                     search=dict(rho=rho, interval=1), optimizer=dict(type='SGD', lr=0.01))
        ends.append([g.gamma.detach() for g in find_units(unwrap(runner)).values()])
        costs = runner.optim_wrapper.penalty.costs
    for without, with_penalty, cost in zip(*ends, costs, strict=True):
        torch.testing.assert_close(without - with_penalty, 0.01 * 0.3 * cost)


def test_its_value_is_in_the_log(tmp_path):
    logged = []

    def act(runner):
        value = runner.message_hub.get_scalar('train/penalty').current()
        logged.append((value, runner.optim_wrapper.penalty))

    def before(runner):
        penalty = runner.optim_wrapper.penalty
        logged.append(penalty.rho * sum(
            float((s.detach().abs() * c).sum())
            for s, c in zip(penalty.scales, penalty.costs, strict=True)))

    run(tmp_path, 1, prune=False, search=dict(interval=1),
        probes=[(99, dict(before_train_iter=before)), (59, dict(after_train_iter=act))])
    assert logged[0] > 0
    assert logged[1][0] == pytest.approx(logged[0], rel=1e-5)


# ------------------------------------------------------------------------------- removal


@pytest.fixture(scope='module')
def shrunk(tmp_path_factory):
    """A finished run that searched twice, pruned and averaged, with tokens."""
    folder = tmp_path_factory.mktemp('shrunk')
    return run(folder, 4, model=ALL, probes=[WEAKEN], checkpoint=dict(interval=4),
               optimizer=dict(type='AdamW', lr=0.01))


def test_units_go_from_model_optimizer_average_and_masks(shrunk):
    model, ema = unwrap(shrunk), averaged_model(shrunk).module
    searches = [e for e in events(shrunk) if e['kind'] == 'search']
    assert all(e['removed'] for e in searches)
    for p, copied in zip(model.parameters(), ema.parameters(), strict=True):
        assert p.shape == copied.shape
        state = shrunk.optim_wrapper.optimizer.state.get(p, {})
        assert all(t.shape in (p.shape, torch.Size([])) for t in state.values())
    for _, weight, copied, pruned in pruned_weights(shrunk):
        assert weight.shape == copied.shape == pruned.shape
    assert total(layer_costs(model, SIZE))['params'] == searches[-1]['params'] == sum(
        p.numel() for p in model.parameters())
    assert searches[-1]['params'] < searches[0]['params'] < find_hook(
        shrunk, SearchHook).supernet['params']
    assert searches[-1]['macs'] == total(layer_costs(model, SIZE))['macs']


def test_the_event_counts_what_went_per_kernel_size_and_tokens(shrunk):
    left = {name: len(group) for name, group in find_units(unwrap(shrunk)).items()}
    gone = {}
    for event in (e for e in events(shrunk) if e['kind'] == 'search'):
        for removal in event['removed']:
            assert set(removal['removed']) <= ({0} if removal['kind'] == 'token' else {3, 5, 7})
            gone[removal['group']] = gone.get(removal['group'], 0) + sum(
                removal['removed'].values())
    full = {name: len(index) for name, index in supernet_units(shrunk).items()}
    assert {name: full[name] - gone.get(name, 0) for name in full} == {
        name: left.get(name, 0) for name in full}


def supernet_units(runner):
    model = type(unwrap(runner))(runner.cfg.model.backbone, runner.cfg.model.neck)
    return find_units(model)


def test_survivors_are_indices_of_the_supernet(tmp_path):
    """γ of each unit is made its number in the supernet; two searches later it still says so."""

    @torch.no_grad()
    def number(runner):
        for model in (unwrap(runner), averaged_model(runner).module):
            for group in find_units(model).values():
                group.gamma.copy_(torch.arange(1., len(group) + 1))

    runner = run(tmp_path, 4, length=4, model=ALL, prune=False, search=dict(rho=0.),
                 optimizer=dict(type='SGD', lr=0.), probes=[(0, dict(before_train=number)), WEAKEN])
    survivors = find_hook(runner, SearchHook).survivors
    removed = 0
    for name, group in find_units(unwrap(runner)).items():
        alive = group.gamma != 0
        numbers = torch.tensor(survivors[name]) + 1.
        assert torch.equal(group.gamma[alive].detach(), numbers[alive])
        removed += len(supernet_units(runner)[name]) - len(group)
    assert removed > 0 and len(timeline(runner, 'search')) == 2


@pytest.mark.parametrize('optimizer', [dict(type='SGD', lr=0.05, momentum=0.9),
                                       dict(type='Adam', lr=0.01),
                                       dict(type='RMSprop', lr=0.01, momentum=0.9)],
                         ids=lambda o: o['type'])
def test_training_after_a_removal_is_that_of_a_fresh_small_model(tmp_path, optimizer):
    """A model built small, with the state that is left, takes the same next steps to the bit."""
    twin = {}

    def build_twin(runner):
        if runner.epoch + 1 != 2:
            return
        cfg, model = copy.deepcopy(runner.cfg), unwrap(runner)
        for part in ('backbone', 'neck'):
            cfg.model[part]['widths'] = getattr(model, part).get_widths()
        small = type(model)(cfg.model.backbone, cfg.model.neck)
        small.load_state_dict(model.state_dict())
        wrapper = runner.build_optim_wrapper(cfg.optim_wrapper)
        fresh = type(runner.optim_wrapper.optimizer)(small.parameters(), **{
            key: value for key, value in optimizer.items() if key != 'type'})
        fresh.load_state_dict(copy.deepcopy(runner.optim_wrapper.optimizer.state_dict()))
        wrapper.optimizer = fresh
        twin.update(model=small.train(), optimizer=fresh, losses=[])

    def step_twin(runner, batch):
        twin['optimizer'].zero_grad()
        twin['model'](**batch, mode='loss')['loss'].backward()
        twin['optimizer'].step()

    runner = make(tmp_path, 3, search=dict(rho=0., interval=2), prune=False, ema=False,
                  optimizer=optimizer, probes=[
                      (60, dict(after_train_epoch=weaken(0.35, epoch=2))),
                      (80, dict(after_train_epoch=build_twin))])
    probe = runner.hooks[-1]
    probe.after_train_iter = lambda r, batch_idx, data_batch=None, outputs=None: (
        step_twin(r, data_batch) if twin and r.epoch + 1 == 3 else None)
    runner.train()
    assert timeline(runner, 'search') == [('search', 2)]
    for (name, p), q in zip(unwrap(runner).named_parameters(),
                            twin['model'].parameters(),
                            strict=True):
        assert torch.equal(p, q), name


@pytest.mark.parametrize('kinds', [('channel', ), ('channel', 'token')])
def test_a_branch_that_loses_everything_keeps_working(tmp_path, kinds):
    """All units of all blocks go; what is left are residuals, and training goes on."""
    runner = run(tmp_path, 2, length=4, val=2, model=ALL, ticket=True, search=dict(interval=1),
                 optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.1),
                 probes=[(60, dict(after_train_epoch=weaken(1.1, kinds=kinds)))])
    groups = find_units(unwrap(runner))
    assert {group.kind for group in groups.values()} == {'channel', 'token'} - set(kinds)
    for block in search_blocks(unwrap(runner)).values():
        assert not block.mixconv and bool(block.transformer) == ('token' not in kinds)
    assert all(p.isfinite().all() for p in unwrap(runner).parameters())
    assert timeline(runner, 'evaluate')[-1] == ('evaluate', 2)


@pytest.mark.parametrize('which', ['current', 'averaged'])
def test_factors_that_are_not_finite_stop_the_run_and_remove_nothing(tmp_path, which):

    @torch.no_grad()
    def diverge(runner):
        model = unwrap(runner) if which == 'current' else averaged_model(runner).module
        list(find_units(model).values())[-1].gamma[0] = float('nan')

    runner = make(tmp_path, 2, length=4, probes=[WEAKEN, (61, dict(after_train_epoch=diverge))],
                  search=dict(interval=1), prune=False)
    before = [p.shape for p in unwrap(runner).parameters()]
    with pytest.raises(TrainingError, match=r'not finite.*Remedy'):
        runner.train()
    assert [p.shape for p in unwrap(runner).parameters()] == before
    assert not timeline(runner, 'search')
