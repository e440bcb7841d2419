"""Optimal brain compression as the criterion of a run: its last prune, and the ticket of it."""
import pytest
import torch
from tiny import SIZE, pruned_weights, prunes, run, unwrap

from mmst.engine import PruneHook
from mmst.engine.run.pruning_context import RunnerContext
from mmst.engine.run.runner_views import averaged_model, find_hook
from mmst.pruning.criteria import Magnitude, OptimalBrainCompression
from mmst.tickets import Ticket

PRUNE = dict(sparsity=0.9, interval=1, reactivation=None)


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A run whose last prune is by the criterion; the criteria that drew, and its folder."""
    patch, drew = pytest.MonkeyPatch(), []
    for kind in (Magnitude, OptimalBrainCompression):
        score = kind.score
        patch.setattr(kind, 'score', lambda self, *args, kind=kind, score=score: (
            drew.append(kind.__name__), score(self, *args))[1])
    folder = tmp_path_factory.mktemp('obc')
    runner = run(folder, 3, ticket=True, prune=dict(PRUNE, criterion=dict(type='obc', batches=2)))
    patch.undo()
    return runner, drew, folder


def test_the_last_prune_alone_is_by_it(finished):
    runner, drew, _ = finished
    assert drew == ['Magnitude', 'Magnitude', 'OptimalBrainCompression']
    assert prunes(runner)[-1]['sparsity'] == pytest.approx(0.9, abs=1e-3)


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
