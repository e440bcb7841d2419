"""A criterion that is broken is refused before the run, not at its first prune."""
from types import SimpleNamespace

import pytest
import torch

from mmst.engine.rehearsal import rehearse
from mmst.engine.run.pruning_context import spread_schedule
from mmst.pruning.criteria.base import Criterion
from mmst.pruning.pruner import Pruner


class Failing(Criterion):
    def score(self, weights, gradients):
        return dict.fromkeys(weights, gradients['absent'])


class Worded(Failing):
    needs_gradients, batches = True, 'ten'


class Empty(Criterion):
    def score(self, weights, gradients):
        return {}


class Flat(Criterion):
    def score(self, weights, gradients):
        return {name: weight.detach().flatten() for name, weight in weights.items()}


class Blind(Empty):
    needs_inputs = True

    def observe(self, model, weights, run):
        raise RuntimeError('no eyes')


class Gradual(Criterion):
    needs_gradients = True

    def score(self, weights, gradients):
        assert any(torch.any(gradients[name] != 0) for name in weights)
        return {name: gradients[name].abs() for name in weights}


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('kind, words', [
    (Failing, "score() fails (KeyError: 'absent')"), (Worded, "'ten'"), (Empty, 'its score of '),
    (Flat, 'its score of '), (Blind, 'observe() fails (RuntimeError: no eyes)')])
def test_a_broken_criterion_is_refused_before_the_run(cfg, refusal, kind, words):
    cfg.default_hooks.prune.criterion = dict(type=kind)
    line = refusal(cfg)
    assert line.startswith('default_hooks.prune.criterion') and words in line


@pytest.mark.parametrize('criterion', [dict(type=Gradual), 'obc', 'random'])
def test_criteria_that_work_are_let_through(cfg, criterion):
    cfg.default_hooks.prune.criterion = criterion
    rehearse(cfg)


@pytest.mark.parametrize('interval, warned', [(1, False), (3, True)])
def test_a_schedule_that_ends_below_its_target_is_warned_of(interval, warned):
    """A prune adds 10%; of twelve steps."""
    said: list[str] = []
    runner = SimpleNamespace(train_loop=None, max_epochs=12, logger=SimpleNamespace(
        warning=said.append))
    pruner = Pruner(0.9, owner='PruneHook')
    spread_schedule(runner, pruner, interval)
    assert pruner.ratio(12 // interval) == (pytest.approx(0.4) if warned else 0.9)
    assert bool(said) == warned
    if warned:
        assert said[0].startswith('PruneHook.interval = 3: the schedule ends at 40% of')
