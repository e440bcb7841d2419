"""Pruning without a runner: a network, its average, and an optimizer wrapper."""
import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from waits import Waits

from mmst.engine.optim import MaskedOptimWrapper
from mmst.errors import ConfigError
from mmst.pruning import large
from mmst.pruning.context import PruningContext
from mmst.pruning.draw import draw_mask
from mmst.pruning.gradients import loss_gradients
from mmst.pruning.mask import Mask
from mmst.pruning.mask_in_force import MaskInForce
from mmst.pruning.pruner import Pruner, agree_on
from mmst.pruning.schedules.base import Schedule


class Parts(nn.Module):
    """Backbone, neck and a head that is not pruned."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8))
        self.neck = nn.Conv2d(8, 4, 1)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x, mode='tensor'):
        out = self.head(self.neck(self.backbone(x)).relu())
        return dict(loss=out.square().mean()) if mode == 'loss' else out


class Training:
    """A network in training, with its average, as hooks see it."""

    def __init__(self, kind=torch.optim.SGD, **settings):
        self.model = Parts()
        self.pruner = Pruner(**{**dict(sparsity=0.5), **settings})
        self.average = copy.deepcopy(self.model)
        self.wrapper = MaskedOptimWrapper(optimizer=kind(
            self.model.parameters(), lr=0.1, **(dict(momentum=0.9) if kind is torch.optim.SGD
                                                else {})))
        self.pruner.begin(10)

    @property
    def in_force(self):
        return MaskInForce(lambda: self.pruner.weights(self.model), self.wrapper, self.average,
                           keep_values=self.pruner.revive == 'value')

    def train(self):
        self.wrapper.update_params(self.model(torch.rand(2, 3, 6, 6), mode='loss')['loss'])

    def step(self, prune, due=True, **changes):
        return self.pruner.step(self.in_force, prune, due, **changes)

    @property
    def zeros(self):
        return sum(int((w == 0).sum()) for w in self.pruner.weights(self.model).values())


TOTAL = 3 * 8 * 9 + 8 * 4


def lowest_magnitudes(model, pruner, ratio):
    """Return the weights that global magnitude must prune: the beginning of the sorted ones."""
    weights = pruner.weights(model)
    flat = torch.cat([w.detach().abs().flatten() for w in weights.values()])
    return set(flat.argsort(stable=True)[:-(-TOTAL * ratio // 1).__int__()].tolist())


@pytest.mark.parametrize('prune, ratio', [(1, 0.1), (3, 0.3), (9, 0.5)])
def test_the_lowest_magnitudes_of_all_layers_go_at_the_schedules_ratio(prune, ratio):
    run = Training()
    expected = lowest_magnitudes(run.model, run.pruner, ratio)
    result = run.step(prune)
    gone = torch.cat([~kept.flatten() for kept in result.mask.values()])
    assert set(gone.nonzero().flatten().tolist()) == expected
    assert result.ratio == ratio and result.revived is None
    assert result.details() == dict(ratio=ratio, sparsity=len(expected) / TOTAL, total=TOTAL,
                                    pruned=len(expected))


@pytest.mark.parametrize('kind', [torch.optim.SGD, torch.optim.Adam])
def test_pruned_weights_and_their_averages_are_0_and_stay_so(kind):
    run = Training(kind)
    run.train()
    mask = run.step(4).mask
    assert not run.average.head.weight.eq(0).any()
    for _ in range(2):
        run.train()
    weights, copies = run.pruner.weights(run.model), dict(run.average.named_parameters())
    for name, kept in mask.items():
        assert torch.equal(weights[name] == 0, ~kept) and torch.equal(copies[name] == 0, ~kept)


def test_a_prune_that_is_not_due_changes_nothing():
    run = Training()
    before = copy.deepcopy(run.model.state_dict())
    assert run.step(1, due=False) == run.pruner.begin_step(run.in_force)
    assert all(torch.equal(v, before[k]) for k, v in run.model.state_dict().items())
    assert run.in_force.mask is None and run.pruner.drawn is None


def test_masks_are_monotone_while_none_is_lifted():
    run = Training(reactivation=None)
    first = run.step(2).mask
    run.train()
    second = run.step(4).mask
    assert all((second[n] <= first[n]).all() for n in first) and second.pruned > first.pruned


def test_searches_lift_the_mask_in_mode_search():
    """IR-S: until the next prune; one that is due at once is drawn again from all weights."""
    run = Training()
    first = run.step(2).mask
    result = run.step(2, due=False, searched=True)
    assert result.revived == first.pruned and result.mask is None
    assert run.in_force.mask is None and not run.wrapper.masks
    run.train()
    assert run.zeros == 0, 'all weights train again'
    both = run.step(3, searched=True)
    assert both.revived is None and both.mask.pruned > first.pruned, 'nothing was in force'


def test_the_next_step_lifts_the_mask_in_mode_prune():
    """IR-P: not before the step's end, so that the pruned network can be evaluated."""
    run = Training(reactivation='prune')
    mask = run.step(2).mask
    assert run.step(2, due=False, searched=True).revived is None
    assert run.in_force.mask is not None and run.pruner.drawn is mask
    assert run.pruner.begin_step(run.in_force).revived == mask.pruned
    assert run.in_force.mask is None and run.pruner.drawn is None
    assert run.pruner.begin_step(run.in_force).revived is None


def test_a_search_that_leaves_too_dense_a_network_draws_again_where_none_is_lifted():
    run = Training(reactivation=None, schedule='one_shot')
    run.step(1)
    with torch.no_grad():
        names = list(run.pruner.weights(run.model))
        weight = run.pruner.weights(run.model)[names[0]]
        run.wrapper.masks[weight]['pruned'].fill_(False)
        run.wrapper.masks[weight].pop('bits', None)
    assert run.in_force.mask.sparsity < 0.5
    assert run.step(1, due=False).mask is None
    assert run.step(1, due=False, searched=True).mask.sparsity >= 0.5


@pytest.mark.parametrize('revive', ['zero', 'value'])
def test_weights_return_as_0_or_as_they_were(revive):
    run = Training(revive=revive)
    before = {n: w.detach().clone() for n, w in run.pruner.weights(run.model).items()}
    mask = run.step(5).mask
    run.step(5, due=False, searched=True)
    for name, weight in run.pruner.weights(run.model).items():
        gone = ~mask[name]
        expected = before[name][gone] if revive == 'value' else torch.zeros(int(gone.sum()))
        assert torch.equal(weight[gone], expected)


def test_the_moments_of_returned_weights_do_not_let_them_jump():
    run = Training(torch.optim.Adam)
    run.train()
    mask = run.step(5).mask
    run.step(5, due=False, searched=True)
    weight = run.pruner.weights(run.model)['neck.weight']
    state, gone = run.wrapper.optimizer.state[weight], ~mask['neck.weight']
    assert (state['exp_avg'][gone] == 0).all()
    torch.testing.assert_close(state['exp_avg_sq'][gone],
                               state['exp_avg_sq'][~gone].mean().expand(int(gone.sum())))


@pytest.mark.parametrize('due', [True, False])
def test_the_last_step_ends_at_the_target_whatever_the_schedule(due):
    run = Training(sparsity=0.9)
    result = run.step(3, due=due, last=True)
    assert result.ratio == 0.9 and result.mask.reaches(0.9)
    assert run.pruner.at_target(run.in_force.mask)
    again = run.step(3, due=False, last=True)
    assert again.mask is None, 'the target is reached'


def test_no_old_value_enters_a_ticket_at_the_last_search():
    run = Training(revive='value', schedule='one_shot')
    run.step(1)
    result = run.step(2, searched=True, last=True)
    assert result.revived is None and run.zeros >= TOTAL // 2


def test_a_run_that_is_stopped_ends_at_the_target():
    run = Training(sparsity=0.8)
    run.step(1)
    run.pruner.begin_step(run.in_force)
    assert run.pruner.stop(run.in_force, lifted=False).mask.reaches(0.8)
    assert run.pruner.stop(run.in_force, lifted=False).mask is None


def test_a_run_that_is_stopped_right_after_a_search_keeps_the_last_prunes_mask():
    run = Training(revive='value', schedule='one_shot')
    mask = run.step(1).mask
    run.step(1, due=False, searched=True)
    run.pruner.begin_step(run.in_force)
    run.pruner.drawn = None
    assert run.pruner.stop(run.in_force, lifted=True).mask is None
    found = run.in_force.mask
    assert all(torch.equal(found[name], kept) for name, kept in mask.items())


def test_gradients_are_asked_for_where_the_criterion_needs_them():
    run = Training(criterion=dict(type='gradient', batches=2))
    batches = [dict(x=torch.rand(2, 3, 6, 6)) for _ in range(2)]
    run.model.data_preprocessor = lambda batch, training: batch
    run.model.parse_losses = lambda losses: (losses['loss'], {})
    found = {}

    class Batches(PruningContext):

        def gradients(self, criterion, weights):
            found.update(loss_gradients(run.model, weights, batches))
            return found

    weights = {n: w.detach().clone() for n, w in run.pruner.weights(run.model).items()}
    mask = run.step(5, context=Batches()).mask
    scores = {n: (found[n] * weights[n]).abs() for n in weights}
    highest_pruned = max(float(scores[n][~mask[n]].max()) for n in mask if (~mask[n]).any())
    assert highest_pruned <= min(float(scores[n][mask[n]].min()) for n in mask)
    with pytest.raises(ConfigError, match='no gradient'):
        run.step(5)


@pytest.mark.parametrize(('criterion', 'as_by'), [
    ('magnitude', 'magnitude'), ('lamp', 'lamp'), ('gradient', 'magnitude'), ('obc', 'magnitude'),
    ('random', 'magnitude')])
def test_a_mask_is_foreseen_by_scores_of_the_weights_alone(criterion, as_by):
    torch.manual_seed(0)
    model = nn.ModuleDict(dict(backbone=nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 1))))
    with torch.no_grad():
        model.backbone[1].weight.mul_(0.1)
    pruner = Pruner(0.6, criterion=criterion)
    found = pruner.forecast(model)
    scores = Pruner(0.6, criterion=as_by).criterion.score(pruner.weights(model), {})
    assert all(torch.equal(found[name], kept) for name, kept in draw_mask(scores, 0.6).items())


@pytest.mark.parametrize('scope', ['layer', '2:4'])
def test_a_scope_that_compares_no_layers_is_refused_beside_a_criterion_of_layers(scope):
    with pytest.raises(ConfigError, match=rf"PruneHook\.scope = '{scope}': criterion='lamp'.*"
                       "Remedy: set scope='global', or criterion='magnitude'"):
        Pruner(0.5, criterion='lamp', scope=scope, owner='PruneHook')
    assert Pruner(0.5, scope=scope).scope == scope


def test_the_mask_of_the_first_process_is_taken():
    class FirstProcess(PruningContext):

        def agree(self, kept):
            kept.fill_(True).view(-1)[:2].fill_(False)

    run = Training()
    mask = run.step(5, context=FirstProcess()).mask
    assert mask.pruned == 2  # all tensors were taken in one call
    assert run.in_force.mask.pruned == mask.pruned == run.zeros


@pytest.mark.parametrize('scope', ['global', 'layer'])
def test_processes_agree_on_all_of_a_mask_wherever_its_tensors_lie(scope):
    scores = {'a': torch.rand(3, 4), 'b': torch.rand(5, 2)}
    mask, calls = draw_mask(scores, 0.5, scope), []
    agree_on(mask, lambda kept: calls.append(kept.numel()) or kept.fill_(True))
    assert not mask.pruned and calls == ([22] if scope == 'global' else [12, 10])


class Linear(Schedule):
    """p · k / n, and what else a subclass may do."""

    def __init__(self, sparsity, prunes=None, wrong=None):
        super().__init__(sparsity)
        if prunes is not None:
            self.prunes = prunes
        self.wrong = wrong

    def at(self, prune):
        if prune == 3 and self.wrong is not None:
            return self.wrong
        return self.sparsity * min(prune / self.prunes, 1.)


def test_the_schedule_knows_how_many_prunes_there_are():
    pruner = Pruner(0.6, schedule=Linear(0.6))
    assert pruner.begin(4) == 0.6 and pruner.schedule.at(1) == pytest.approx(0.15)
    assert pruner.begin(6) == 0.6 and pruner.schedule.at(1) == pytest.approx(0.1)


def test_a_schedule_that_sets_the_number_itself_keeps_it():
    pruner = Pruner(0.6, schedule=Linear(0.6, prunes=2))
    assert pruner.begin(4) == 0.6 and pruner.schedule.at(1) == pytest.approx(0.3)


@pytest.mark.parametrize('wrong', [1., -0.1, float('nan'), 'half', None])
def test_a_schedule_that_asks_for_no_share_is_refused_before_the_run(wrong):
    schedule = Linear(0.6, wrong=0.3)
    schedule.wrong = wrong if wrong is not None else [0.3]
    with pytest.raises(ConfigError, match=r'^Pruner.schedule = .*Linear.*at prune 3 it asks'):
        Pruner(0.6, schedule=schedule).begin(4)


class Halving(Schedule):
    """Has no value before the first prune."""

    def at(self, prune):
        return self.sparsity * (1 - 0.5 / prune)


def test_a_search_before_the_first_prune_does_not_ask_the_schedule():
    run = Training(schedule=Halving(0.5))
    assert run.step(0, due=False, searched=True).mask is None
    assert run.step(1).ratio == 0.25


def test_a_schedule_that_fails_is_named_with_its_words():
    class Listed(Halving):
        def at(self, prune):
            return [0.1, 0.2][prune - 1]

    with pytest.raises(ConfigError, match=r"^Pruner.schedule = 'Listed': at\(3\) fails "
                       r'\(IndexError: list index out of range\). Remedy: '):
        Pruner(0.6, schedule=Listed(0.6)).begin(4)


def test_a_schedule_of_another_making_needs_no_base_class():
    class Bare:
        __slots__ = ()

        def at(self, prune):
            return 0.25

    assert Pruner(0.6, schedule=Bare()).begin(4) == 0.25


@pytest.mark.parametrize('settings, key', [
    (dict(sparsity=1), 'sparsity'), (dict(sparsity=True), 'sparsity'),
    (dict(reactivation='often'), 'reactivation'), (dict(revive=0), 'revive'),
    (dict(schedule='linear'), 'schedule'), (dict(criterion='luck'), 'criterion'),
    (dict(scope='2:4', sparsity=0.9), 'scope'), (dict(transformers='all'), 'transformers'),
    (dict(parts=[1]), 'parts')])
def test_settings_that_make_no_sense_are_refused(settings, key):
    with pytest.raises(ConfigError, match=f'^Pruner.{key} = '):
        Pruner(**{**dict(sparsity=0.5), **settings})


@pytest.mark.parametrize('settings, key', [
    (dict(parts=['trunk']), 'parts'), (dict(sparsity=0.999), 'sparsity'),
    (dict(leave_alone='stem'), 'leave_alone')])
def test_what_does_not_fit_the_network_is_refused(settings, key):
    with pytest.raises(ConfigError, match=f'^Pruner.{key} = '):
        Pruner(**{**dict(sparsity=0.5), **settings}).check(Parts())


def test_the_search_for_weights_happens_only_where_they_are_needed():
    found = []
    in_force = MaskInForce(lambda: found.append(1) or {}, SimpleNamespace(masks={}, returned={}))
    assert in_force.mask is None and in_force.lift() is None and not found
    assert Mask({}).reaches(0.) and not found


def waits_of(layers, monkeypatch):
    """How often a GPU is waited for in two prunes and in a reactivation of so many layers."""
    model = Parts()
    model.backbone = nn.Sequential(*(nn.Conv2d(4, 4, 3) for _ in range(layers)))
    wrapper = MaskedOptimWrapper(optimizer=torch.optim.Adam(model.parameters()))
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    wrapper.step()
    pruner, found = Pruner(0.5), []
    in_force = MaskInForce(lambda: pruner.weights(model), wrapper, copy.deepcopy(model))
    for event in (lambda: pruner.draw(in_force, 0.3), lambda: pruner.draw(in_force, 0.5),
                  in_force.lift):
        with monkeypatch.context() as patch, Waits() as waits:
            patch.setattr(large, '_is_on_host', lambda tensor: False)
            event()
        found.append(waits.count)
    return found


def test_a_gpu_is_waited_for_as_often_however_many_layers_are_pruned(monkeypatch):
    few, many = (waits_of(layers, monkeypatch) for layers in (2, 20))
    assert few == many and 0 < max(few) < 10


@pytest.mark.parametrize('settings, key', [
    (dict(sparsity=2), 'sparsity'), (dict(scope='2:3'), 'scope'), (dict(revive=1), 'revive'),
    (dict(leave_alone=['nothing']), 'leave_alone'), (dict(parts=['nek']), 'parts'),
    (dict(sparsity=0.999), 'sparsity')])
def test_errors_name_the_argument_of_the_class_that_the_user_called(settings, key):
    for owner in ('Pruner', 'PruneHook'):
        with pytest.raises(ConfigError, match=f'^{owner}.{key} = '):
            Pruner(**{'sparsity': 0.5, 'owner': owner, **settings}).check(Parts())
