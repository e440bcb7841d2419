"""Optimal brain compression as the criterion of a run: its last prune, and the ticket of it."""
from contextlib import contextmanager

import pytest
import torch
from tiny import SIZE, make, pruned_weights, prunes, run, unwrap

from mmst.engine import PruneHook
from mmst.engine.run.pruning_context import RunnerContext
from mmst.engine.run.runner_views import averaged_model, find_hook
from mmst.pruning.criteria import Magnitude, OptimalBrainCompression
from mmst.tickets import Ticket

PRUNE = dict(sparsity=0.9, interval=1, reactivation=None)
OBC = dict(type='obc', batches=2)
BY_SIZE, BY_LOSS = 'Magnitude', 'OptimalBrainCompression'


@contextmanager
def noted():
    """The criteria that draw meanwhile, and the sparsity of the weights before."""
    drew = []
    with pytest.MonkeyPatch.context() as patch:
        for kind in (Magnitude, OptimalBrainCompression):
            score = kind.score
            patch.setattr(kind, 'score', lambda self, *args, kind=kind, score=score: (
                drew.append(kind.__name__), score(self, *args))[1])
        yield drew


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A run whose last prune is by the criterion; the criteria that drew, and its folder."""
    folder = tmp_path_factory.mktemp('obc')
    with noted() as drew:
        runner = run(folder, 3, ticket=True, prune=dict(PRUNE, criterion=OBC))
    return runner, drew, folder


def test_the_last_prune_alone_is_by_it(finished):
    runner, drew, _ = finished
    assert drew == [BY_SIZE, BY_SIZE, BY_LOSS]
    assert prunes(runner)[-1]['sparsity'] == pytest.approx(0.9, abs=1e-3)


ONE_SHOT = dict(sparsity=0.9, interval=2, schedule='one_shot', criterion=OBC)


@pytest.mark.parametrize('epochs, search, changes, wanted', [
    (5, False, dict(reactivation=None), [BY_LOSS]),
    (4, False, dict(reactivation=None), [BY_LOSS]),
    (5, 5, {}, [BY_LOSS, BY_LOSS]),
    (5, 5, dict(revive='value'), [BY_LOSS]),
    (6, 3, dict(revive='value'), [BY_SIZE, BY_LOSS]),
    (5, 3, {}, [BY_SIZE, BY_LOSS]),
    (5, False, dict(reactivation='prune'), [BY_SIZE, BY_SIZE, BY_LOSS]),
    (8, False, dict(schedule='alternating', reactivation=None, interval=1),
     [BY_SIZE, BY_SIZE, BY_LOSS]),
    (7, False, dict(schedule='progressive', sparsity=0.3, reactivation=None),
     [BY_SIZE, BY_SIZE, BY_LOSS])])
def test_the_prune_that_brings_the_end_is_by_it_whether_or_not_it_is_the_last_step(
        tmp_path, epochs, search, changes, wanted):
    """Once the target is reached for good, no later draw has a weight left to choose."""
    with noted() as drew:
        runner = run(tmp_path, epochs, search=search and dict(interval=search),
                     prune=dict(ONE_SHOT, **changes))
    assert drew == wanted
    assert find_hook(runner, PruneHook).at_target(runner)


def ending_at(step):
    """A probe that stops the run early."""
    return 1, dict(after_train_epoch=lambda runner: setattr(
        runner.train_loop, 'stop_training', runner.epoch + 1 == step))


@pytest.mark.parametrize('step, search, revive, drawn, warned', [
    (3, 5, 'zero', BY_SIZE, True), (5, 5, 'zero', BY_LOSS, True),
    (5, 5, 'value', BY_SIZE, True), (7, 5, 'zero', BY_LOSS, False), (3, 8, 'zero', BY_LOSS, False),
    (1, 5, 'zero', BY_LOSS, False)])
def test_a_run_that_is_stopped_before_its_turn_says_so(
        tmp_path, step, search, revive, drawn, warned):
    """Prunes at 2, 4, 6, 8 of 8 epochs, and a search that lifts their masks."""
    with noted() as drew:
        runner = make(tmp_path, 8, search=dict(interval=search), probes=[ending_at(step)],
                      prune=dict(ONE_SHOT, revive=revive))
        said = []
        runner.logger.warning = lambda words, *args: said.append(words)
        runner.train()
    assert drew[-1] == drawn
    assert any("criterion = 'obc': the run was stopped before" in words for words in said) == warned


def test_a_resumed_run_draws_and_trains_on_bit_by_bit(tmp_path):
    """Resumed before, and after, the prune by it, with epochs of training to come."""
    ends, settings = [], dict(search=False, prune=dict(
        ONE_SHOT, interval=3, reactivation=None), checkpoint=dict(interval=1), length=4)
    for folder, resumed in (('whole', None), ('before', 2), ('after', 4)):
        more = {} if resumed is None else dict(
            resume=True, load_from=str(tmp_path / 'whole' / f'epoch_{resumed}.pth'))
        ends.append(unwrap(run(tmp_path / folder, 5, **settings, **more)).state_dict())
    for other in ends[1:]:
        assert all(torch.equal(value, other[name]) for name, value in ends[0].items())


def test_pruned_weights_are_0_in_the_network_and_its_average(finished):
    runner, *_ = finished
    for _, weight, copy, pruned in pruned_weights(runner):
        assert not weight[pruned].any() and (copy is None or not copy[pruned].any())


def test_the_ticket_has_the_weights_that_make_up_for_the_others(finished):
    runner, _, folder = finished
    ticket = Ticket.load(folder / 'ticket.pth')
    kept = averaged_model(runner).module if averaged_model(runner) else unwrap(runner)
    for name, value in kept.named_parameters():
        assert torch.equal(ticket.state_dict[name], value)


def test_outputs_change_less_than_by_magnitude(tmp_path):
    """One network, drawn once by each criterion: the error against its outputs before."""
    runner = run(tmp_path, 2, prune=dict(PRUNE, criterion=dict(type='obc', batches=4)))
    hook, model = find_hook(runner, PruneHook), unwrap(runner)
    image = torch.randn(4, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    hook.lift(runner, 1)
    weights = hook.weights(runner)
    with torch.no_grad():
        for weight in weights.values():
            weight.normal_(std=0.2)
        full = model.eval()(image)
    state, errors = {n: p.detach().clone() for n, p in weights.items()}, {}
    for name, last in (('magnitude', False), ('obc', True)):
        with torch.no_grad():
            for n, weight in weights.items():
                weight.copy_(state[n])
            average = averaged_model(runner)
            copies = dict(average.module.named_parameters()) if average else {}
            for n in weights:
                if n in copies:
                    copies[n].copy_(state[n])
        hook.pruner.draw(hook.in_force(runner), 0.5, RunnerContext(runner, 1), last=last)
        with torch.no_grad():
            errors[name] = float((model.eval()(image) - full).square().mean())
        hook.lift(runner, 1)
    assert errors['obc'] < errors['magnitude']
