"""Search and pruning with an averaged model: who decides, and that the average goes on."""
import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from tiny import WEAKEN, averaged_model, find_hook, make, run, shipped_hooks, timeline, unwrap
from torch import nn

from mmst.engine import MaskedOptimWrapper, SearchHook
from mmst.engine.run.plan import RunPlan
from mmst.errors import ConfigError
from mmst.registry import MODELS
from mmst.search.units import find_units
from mmst.tickets import Ticket

EMAS = dict(shipped={}, mmengine=dict(ema_type='MomentumAnnealingEMA', gamma=9,
                                      update_buffers=True),
            plain=dict(ema_type='ExponentialMovingAverage', update_buffers=True))


def set_scales(epoch):
    """A probe: at an epoch's end every group has units that are small here, there, and in both."""

    @torch.no_grad()
    def act(runner):
        if runner.epoch + 1 == epoch:
            copies = find_units(averaged_model(runner).module)
            for name, group in find_units(unwrap(runner)).items():
                group.gamma.fill_(1.)
                copies[name].gamma.fill_(1.)
                group.gamma[[0, 2]] = 0.
                copies[name].gamma[[1, 2]] = 0.

    return 60, dict(after_train_epoch=act)


def removed(tmp_path, epoch):
    """Indices gone in the search of ``epoch``; the last search is at 2."""
    runner = run(tmp_path, 3, length=4, prune=False, recalibrate=False,
                 search=dict(interval=epoch), probes=[set_scales(epoch)])
    found = {tuple(sorted(set(range(24)) - set(index))) for index in
             find_hook(runner, SearchHook).survivors.values() if max(index) == 23}
    assert len(found) == 1
    return found.pop()


def test_units_go_only_if_the_current_and_the_averaged_factor_are_small(tmp_path):
    assert removed(tmp_path, 1) == (2, )


def test_at_the_last_search_of_the_run_the_averaged_factor_decides(tmp_path):
    assert removed(tmp_path, 2) == (1, 2)


@pytest.mark.parametrize('ema', EMAS)
def test_the_average_goes_on_after_the_network_has_shrunk(tmp_path, ema):
    """Each update is the formula's, on the shrunk tensors of the averaged module itself."""
    before, updates = {}, []

    def remember(runner):
        before.clear()
        before.update({n: t.clone() for n, t in averaged_model(runner).module.state_dict().items()})

    def compare(runner):
        model, copies = unwrap(runner).state_dict(), averaged_model(runner).module.state_dict()
        step = runner.iter
        momentum = 0.2 if ema == 'plain' else max(0.2, 9 / (9 + step)) if step else 1.
        for name, value in copies.items():
            if value.is_floating_point() and step:
                torch.testing.assert_close(value, before[name].lerp(model[name], momentum))
        updates.append(sum(t.numel() for t in copies.values()))

    runner = run(tmp_path, 4, search=dict(interval=1), ema=dict(EMAS[ema], momentum=0.2),
                 probes=[WEAKEN, (49, dict(before_train_iter=remember)),
                         (51, dict(after_train_iter=compare))])
    assert len(updates) == 8 and updates[7] < updates[4] < updates[0]
    shapes = [p.shape for p in averaged_model(runner).module.parameters()]
    assert shapes == [p.shape for p in unwrap(runner).parameters()]


@pytest.mark.parametrize('hooks', [dict(search=False, prune=dict(reactivation=None)),
                                   dict(prune=False)], ids=['prune', 'search'])
def test_an_average_without_averaged_buffers_is_refused(tmp_path, hooks):
    runner = make(tmp_path, ema=dict(update_buffers=False), **hooks)
    with pytest.raises(ConfigError, match=r'EMAHook.update_buffers = False.*Remedy'):
        runner.train()
    assert not timeline(runner)


def test_the_shipped_average_has_the_released_decay():
    """At step n: min(0.9999^(batch / 4096), (1 + n) / (10 + n)); Cityscapes has batches of 32."""
    hook = shipped_hooks().ema
    assert hook.momentum == pytest.approx(1 - 0.9999**(32 / 4096), rel=1e-9)
    net = torch.nn.Linear(1, 1, bias=False)
    ema = MODELS.build(dict(type=hook.ema_type, momentum=hook.momentum, model=net))
    net.weight.data.fill_(0.)
    ema.update_parameters(net)  # The first update copies: there is nothing to average yet.
    net.weight.data.fill_(1.)
    value = 0.
    for n in range(20):
        ema.update_parameters(net)
        decay = min(0.9999**(32 / 4096), (1 + n) / (10 + n))
        value = decay * value + (1 - decay)
        assert ema.module.weight.item() == pytest.approx(value, abs=1e-6)


def test_evaluation_and_ticket_are_those_of_the_average(tmp_path):
    seen = {}

    def act(runner):
        seen.update({n: t.clone() for n, t in unwrap(runner).state_dict().items()})

    runner = run(tmp_path, 2, val=2, ticket=True, probes=[('LOWEST', dict(before_val_epoch=act))])
    state = Ticket.load(tmp_path / 'ticket.pth').state_dict
    copies, model = averaged_model(runner).module.state_dict(), unwrap(runner).state_dict()
    assert all(torch.equal(state[n], seen[n]) and torch.equal(state[n], copies[n]) for n in state)
    assert any(not torch.equal(state[n], model[n]) for n in state)


def test_averages_are_moved_before_the_log_waits_for_the_loss(tmp_path):
    kinds = [type(hook).__name__ for hook in make(tmp_path, 1).hooks]
    assert kinds.index('EMAHook') < kinds.index('RuntimeInfoHook')


def test_a_network_without_bn_needs_no_averaged_buffers():
    for layer, refused in ((nn.GroupNorm(1, 3), False), (nn.BatchNorm2d(3), True)):
        model = nn.Sequential(nn.Conv2d(3, 3, 1), layer)
        averaged = ExponentialMovingAverage(model, update_buffers=False)
        plan = RunPlan(steps=4, unit='epochs', wrapper=MaskedOptimWrapper, hooks=[], model=model,
                       averaged=averaged)
        if refused:
            with pytest.raises(ConfigError, match='averaged BN statistics'):
                plan.check_averaged()
        else:
            plan.check_averaged()
