"""Averages of returned weights are those of the time since their return."""
from types import SimpleNamespace

import pytest
import rank_jobs
import ranks
import torch
from mmengine.hooks import EMAHook
from mmengine.model import ExponentialMovingAverage
from mmengine.registry import HOOKS, MODELS
from tiny import WEAKEN, averaged_model, events, find_hook, make, pruned_weights, run, shipped_hooks
from torch import nn

from mmst.engine import PruneHook
from mmst.engine.run.since_return import SinceReturn
from mmst.errors import ConfigError
from mmst.tickets import Ticket

#: With each decay that mmengine offers, and the shipped one.
EMAS = {
    'shipped': dict(shipped_hooks().ema),
    'annealed': dict(ema_type='MomentumAnnealingEMA', momentum=1e-4, gamma=9),
    'constant': dict(ema_type='ExponentialMovingAverage', momentum=0.1),
    'nearly 1': dict(ema_type='ExponentialMovingAverage', momentum=1e-6),
    'stochastic': dict(ema_type='StochasticWeightAverage'),
    'every other step': dict(ema_type='mmst.WarmupEMA', momentum=1e-4, interval=2),
}
#: Prunes at 3 and 6, a search at 4: weights return for two epochs of two steps.
STILL = dict(epochs=6, search=dict(interval=4), ticket=True, optimizer=dict(type='SGD', lr=0.))
PRUNE = dict(interval=3, sparsity=0.5, schedule='one_shot')
LIFTED = {'search': 4, 'prune': 3}
#: Far from what a weight has at the start.
HIGH = rank_jobs.HIGH


# ----------------------------------------------------------------------- step by step


def averaging(settings, net):
    cfg = {'update_buffers': True, 'type': settings['ema_type'],
           **{k: v for k, v in settings.items() if k not in ('type', 'priority', 'ema_type')}}
    hook = SimpleNamespace(ema_cfg=cfg, ema_model=MODELS.build(cfg, default_args=dict(model=net)))
    return hook, hook.ema_model


@pytest.mark.parametrize('settings', EMAS.values(), ids=EMAS)
def test_at_each_step_the_average_is_that_of_the_values_since_the_return(settings):
    """In double precision, from the definition: what came before weighs nothing."""
    torch.manual_seed(0)
    net = nn.Linear(3, 4, bias=False).double()
    hook, ema = averaging(settings, net)
    for _ in range(5):
        nn.init.normal_(net.weight)
        ema.update_parameters(net)
    gone = torch.rand_like(net.weight) < 0.5
    net.weight.data[gone] = ema.module.weight[gone] = 0.
    since = SinceReturn(hook)
    since.begin(dict(weight=net.weight), {net.weight: dict(returned=gone)})
    sums, reference = _from_zero(settings, ema, net)
    seen = 0
    for _ in range(12):
        nn.init.normal_(net.weight)
        for average in (ema, *reference):
            average.update_parameters(net if average is not reference[1] else sums)
        since.update()
        share = reference[1].module.weight
        kept = ema.module.weight[~gone], reference[2].module.weight[~gone]
        assert torch.equal(*kept)
        if (share > 0).all():
            seen += 1
            torch.testing.assert_close(ema.module.weight[gone],
                                       (reference[0].module.weight / share)[gone],
                                       rtol=1e-9, atol=1e-12)
        assert since.share == pytest.approx(float(share[0, 0]), rel=1e-12)
    assert seen >= 10


def _from_zero(settings, ema, net):
    """Averages that start from 0 now, of the weights and of ones; and one that goes on."""
    ones = nn.Linear(3, 4, bias=False).double()
    nn.init.ones_(ones.weight)
    found = [averaging(settings, net)[1] for _ in range(3)]
    for average in found:
        average.steps.copy_(ema.steps)
        average.module.weight.zero_()
    found[2].module.weight.copy_(ema.module.weight)
    return ones, found


# ------------------------------------------------------------------------- in whole runs


def jump(epoch):
    """A probe: at the start of an epoch each weight that has just returned jumps and, with a
    learning rate of 0, stays there."""

    @torch.no_grad()
    def act(runner):
        if runner.epoch == epoch and runner.iter == 2 * epoch:
            for weight, state in runner.optim_wrapper.returned.items():
                weight[state['returned']] = HIGH

    return 99, dict(before_train_iter=act)


def check_ticket(path, least=100):
    """Weights that have jumped and were kept stand where they are; those that were not are 0."""
    ticket = Ticket.load(path)
    found = torch.cat([ticket.state_dict[name][kept] for name, kept in ticket.mask.items()])
    jumped = found[found > 5.] / HIGH
    assert len(jumped) > least
    assert (jumped > 0.9999).all() and (jumped < 1.0001).all()
    assert all((ticket.state_dict[name][~kept] == 0).all() for name, kept in ticket.mask.items())


@pytest.mark.parametrize('ema,revive,reactivation', [
    ('shipped', 'zero', 'search'), ('shipped', 'value', 'search'), ('shipped', 'zero', 'prune'),
    ('shipped', 'value', 'prune'), ('constant', 'zero', 'search')])
def test_a_weight_that_jumps_at_its_return_stands_there_in_the_ticket(tmp_path, ema, revive,
                                                                    reactivation):
    run(tmp_path,
        **STILL,
        ema=dict(EMAS[ema], update_buffers=True),
        probes=[jump(LIFTED[reactivation])],
        prune=dict(PRUNE, revive=revive, reactivation=reactivation))
    check_ticket(tmp_path / 'ticket.pth')


def test_it_stands_there_after_searches_between_return_and_prune(tmp_path):
    """Searches at each epoch's end remove units; the mask of 3 is lifted at 4."""
    runner = run(tmp_path, **dict(STILL, search=dict(interval=1)), ema=EMAS['shipped'],
                 prune=PRUNE, probes=[WEAKEN, jump(4)])
    assert any(e['removed'] for e in events(runner) if e['kind'] == 'search' and e['step'] == 5)
    check_ticket(tmp_path / 'ticket.pth', least=20)


def test_every_evaluation_on_the_way_sees_it_there(tmp_path):
    """And each checkpoint: the average needs no correction later."""
    found = {}

    def act(runner):
        weights = find_hook(runner, PruneHook).weights(runner).values()
        found[runner.epoch] = max(float(w.max()) for w in weights)

    run(tmp_path, **STILL, val=1, ema=EMAS['shipped'], prune=PRUNE, checkpoint=dict(interval=1),
        probes=[jump(4), ('LOWEST', dict(before_val_epoch=act))])
    assert found[4] < 5. and found[5] == pytest.approx(HIGH, rel=1e-5)
    saved = torch.load(tmp_path / 'epoch_5.pth', weights_only=True)
    state, returned = saved['state_dict'], saved['mmst_returned']['returned']
    for name, mask in returned.items():
        torch.testing.assert_close(state[name][mask], torch.full_like(state[name][mask], HIGH))


def test_a_run_that_is_resumed_between_return_and_prune_ends_alike(tmp_path):
    settings = dict(epochs=6, search=dict(interval=4), ticket=True, prune=PRUNE,
                    ema=EMAS['shipped'], custom_hooks=[dict(type='mmst.SeedHook')])
    whole = run(tmp_path, checkpoint=dict(interval=1), **settings)
    again = make(tmp_path / 'again', resume=True, load_from=str(tmp_path / 'epoch_5.pth'),
                 **settings)
    again.train()
    mine, theirs = (averaged_model(r).state_dict() for r in (whole, again))
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    share = torch.load(tmp_path / 'epoch_5.pth', weights_only=True)['mmst_returned']['share']
    assert 0 < share < 1


@HOOKS.register_module(force=True)
class AverageOfEpochs(EMAHook):
    """Averages at the ends of epochs alone."""

    def after_train_iter(self, *args, **kwargs):
        """Nothing."""

    def after_train_epoch(self, runner):
        self.ema_model.update_parameters(self.src_model)


def test_it_stands_there_where_an_average_is_one_of_epochs(tmp_path):
    run(tmp_path, **dict(STILL, search=dict(interval=5)), prune=PRUNE, probes=[jump(5)],
        ema=dict(EMAS['constant'], update_buffers=True, type='AverageOfEpochs'))
    check_ticket(tmp_path / 'ticket.pth')


@MODELS.register_module(force=True)
class AverageOfBackbones(ExponentialMovingAverage):
    """Of networks with a backbone alone."""

    def __init__(self, model, **settings):
        super().__init__(model, **settings)
        self.followed = list(self.module.backbone.parameters())


def test_an_average_of_certain_networks_alone_is_refused_where_weights_return(tmp_path):
    ema = dict(ema_type='AverageOfBackbones', update_buffers=True)
    settings = dict(STILL, epochs=4, length=4, ema=ema)
    with pytest.raises(ConfigError, match=r'EMAHook.ema_type = .AverageOfB.*backbone.*Remedy'):
        run(tmp_path, **settings, prune=PRUNE)
    run(tmp_path, **dict(settings, search=False), prune=dict(PRUNE, reactivation=None))


def test_it_stands_there_on_two_processes(tmp_path):
    answers = ranks.run(2, rank_jobs.train_returning, tmp_path, dict(STILL), EMAS['shipped'], PRUNE)
    assert answers[0] == answers[1]
    check_ticket(tmp_path / 'ticket.pth')


def test_weights_that_never_left_are_averaged_as_without_it(tmp_path, monkeypatch):
    settings = dict(epochs=6, search=dict(interval=2, rho=0., threshold=1e-30),
                    ema=EMAS['shipped'], prune=dict(PRUNE, reactivation='search'),
                    optimizer=dict(type='Adam', lr=0.3, betas=(0., 0.9)))
    stayed = {}

    def note(runner):
        for name, *_, pruned in pruned_weights(runner):
            stayed[name] = stayed.get(name, ~pruned) & ~pruned

    copies = []
    for how in ('with', 'without'):
        if how == 'without':
            monkeypatch.setattr(SinceReturn, 'update', lambda self: None)
            monkeypatch.setattr(SinceReturn, 'begin', lambda *args: None)
        runner = run(tmp_path / how, **settings, probes=[(80, dict(after_train_epoch=note))])
        copies.append(dict(averaged_model(runner).module.named_parameters()))
    assert sum(int(kept.sum()) for kept in stayed.values()) > 100
    assert all(torch.equal(*(c[name][kept] for c in copies)) for name, kept in stayed.items())
    assert any(not torch.equal(*(c[name] for c in copies)) for name in stayed)


def test_a_weight_that_returns_and_is_kept_at_once_is_averaged_as_it_is(tmp_path):
    """Search and prune in one step: no update lies between."""
    found = []

    @torch.no_grad()
    def act(runner):
        if runner.epoch + 1 == 4:
            for _weight, state in runner.optim_wrapper.masks.items():
                state['value'][state['pruned']] = 7.

    def look(runner):
        if runner.epoch + 1 == 4:
            found.extend(copy[weight == 7.] for _, weight, copy, _ in pruned_weights(runner))

    run(tmp_path, 5, search=dict(interval=2), prune=dict(PRUNE, interval=2, revive='value'),
        probes=[(69, dict(after_train_epoch=act)), (80, dict(after_train_epoch=look))])
    assert len(torch.cat(found)) > 100 and (torch.cat(found) == 7.).all()
