"""Criteria and schedules by name, by class, as settings; what a user's own criterion must give."""
from types import SimpleNamespace

import pytest
import tiny
import torch
from mmengine.config.lazy import LazyObject

from mmst.engine.run.batches import criterion_gradients
from mmst.errors import ConfigError
from mmst.pruning.build import build_registered, criterion_name, read_kind, scores_of
from mmst.pruning.criteria import Gradient, Magnitude, Random
from mmst.pruning.criteria.base import Criterion
from mmst.registry import CRITERIA, SCHEDULES

WEIGHTS = dict(a=torch.randn(2, 3), b=torch.randn(4))


@CRITERIA.register_module('sensitivity', force=True)
class Sensitivity(Criterion):
    """Needs gradients and says nothing of batches."""
    needs_gradients = True

    def score(self, weights, gradients):
        return {name: gradients[name].abs() for name in weights}


class Scores:
    """No subclass, in no registry; gives what a test wants."""

    def __init__(self, found):
        self.found = found

    def score(self, weights, gradients):
        return self.found


@pytest.mark.parametrize('kind', [
    'random', 'mmst.random', Random, dict(type='random'), dict(type=Random),
    dict(type=LazyObject('mmst.pruning.criteria', 'Random')),
    dict(_delete_=True, type='random', seed=3), Random(3)])
def test_all_ways_to_ask_for_a_criterion_give_it(kind):
    found = build_registered(CRITERIA, 'criterion', kind, seed=3, batches=5)
    assert type(found) is Random and found.seed == 3


@pytest.mark.parametrize('kind', ['nothing', 'no.such.thing', dict(type=None), None, 5, object()])
def test_an_unknown_one_is_refused_with_those_that_exist(kind):
    with pytest.raises(ConfigError, match=r"PruneHook.criterion = .*unknown name.*'magnitude'"):
        build_registered(CRITERIA, 'PruneHook.criterion', kind)


def test_arguments_that_it_does_not_take_are_named():
    with pytest.raises(ConfigError, match=r"criterion = .*strength.*Random: seed"):
        build_registered(CRITERIA, 'criterion', dict(type='random', strength=1))
    with pytest.raises(ConfigError, match=r'schedule = .*prunes'):
        build_registered(SCHEDULES, 'schedule', dict(type='one_shot', prunes=1), sparsity=0.5)


@pytest.mark.parametrize('found', [
    None, {}, dict(a=WEIGHTS['a']), dict(a=WEIGHTS['a'], b=torch.zeros(3)),
    dict(a=WEIGHTS['a'], b=[0.] * 4), dict(a=WEIGHTS['a'], b=torch.full((4, ), torch.nan))])
def test_scores_that_do_not_fit_are_refused_by_the_criterions_name(found):
    with pytest.raises(ConfigError, match=r"criterion = 'Scores': its scores? of [ab] "):
        scores_of(Scores(found), WEIGHTS, {})
    assert criterion_name(Magnitude()) == 'magnitude'


def test_one_that_needs_gradients_may_say_nothing_of_batches(tmp_path):
    runner = tiny.run(tmp_path, 1, search=False, prune=dict(
        sparsity=0.5, criterion='sensitivity', schedule='one_shot', reactivation=None))
    assert tiny.prunes(runner)[-1]['sparsity'] == pytest.approx(0.5, abs=0.01)
    bare = SimpleNamespace(needs_gradients=True)
    weights = {n: p for n, p in runner.model.named_parameters() if n.startswith('classifier')}
    assert set(criterion_gradients(runner, bare, weights, 0)) == set(weights)


@pytest.mark.parametrize('criterion, name', [(Sensitivity(), 'sensitivity'),
                                             (Gradient(), 'gradient')])
def test_without_training_data_the_error_names_the_criterion(criterion, name):
    runner = SimpleNamespace(_train_dataloader=None)
    with pytest.raises(ConfigError, match=f"criterion = '{name}': it needs training data"):
        criterion_gradients(runner, criterion, WEIGHTS, 0)


def _fail(self, weights, gradients):
    raise RuntimeError('no idea')


@pytest.mark.parametrize('score, problem', [
    (_fail, r'score\(\) fails \(RuntimeError: no idea\)'),
    (lambda self, weights, gradients: gradients['nothing'], r'score\(\) fails \(KeyError'),
    (lambda self, weights, gradients: None, 'its score of '),
    (lambda self, weights, gradients: {n: g * torch.nan for n, g in gradients.items()},
     'its scores of .* are not finite'),
    (lambda self, weights, gradients: Gradient.score(self, weights, {}), 'there is no gradient')])
def test_what_a_criterion_with_gradients_does_wrong_is_told_by_its_name(
        tmp_path, monkeypatch, score, problem):
    kind = type('Wrong', (Gradient, ), dict(score=score))
    monkeypatch.setitem(CRITERIA.module_dict, 'wrong', kind)
    settings = dict(sparsity=0.5, criterion='wrong', schedule='one_shot', reactivation=None)
    with pytest.raises(ConfigError, match=f"criterion = 'wrong': {problem}.*Remedy: "):
        tiny.run(tmp_path, 1, search=False, prune=settings)


def test_without_a_batch_the_error_names_the_criterion(tmp_path):
    runner = tiny.run(tmp_path, 1, search=False, prune=False)
    with pytest.raises(ConfigError, match=r"hook.criterion = 'sensitivity': .*there was no batch"):
        criterion_gradients(runner, Sensitivity(), WEIGHTS, 0, [], 'hook.criterion')


def test_several_optimizers_are_refused_by_what_the_config_says():
    from mmengine.optim import OptimWrapperDict

    from mmst.engine.run.plan import RunPlan
    plan = RunPlan(2, 'epochs', OptimWrapperDict, [], torch.nn.Linear(1, 1), cfg=dict(
        optim_wrapper=dict(constructor='Own', generator=dict(type='OptimWrapper'), lower={})))
    with pytest.raises(ConfigError, match=r"optim_wrapper = 'generator, lower': .*several optim"):
        plan.check_wrapper('pruning needs a wrapper')


@pytest.mark.parametrize('text, kind', [
    ('random', 'random'), ("dict(type='random', seed=3)", dict(type='random', seed=3)),
    ('{"type": "random", "seed": 3}', dict(type='random', seed=3)), ('dict()', {}),
    ('my.module.Own', 'my.module.Own')])
def test_a_command_line_gives_a_name_or_settings(text, kind):
    assert read_kind('--criterion', text) == kind


@pytest.mark.parametrize('text', [
    "dict(type='random', seed=", "{'type'", "dict(seed=open('x'))", "dict(**{'type': 'random'})",
    "dict('random')", '{1, [2]}'])
def test_settings_that_cannot_be_read_are_refused(text):
    with pytest.raises(ConfigError, match=r'--criterion = .*Remedy: '):
        build_registered(CRITERIA, '--criterion', read_kind('--criterion', text))
