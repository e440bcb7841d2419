"""Advice at the start of a run, after searches, and at its end where nothing was removed."""
import logging

import pytest
import torch
from mmengine.registry import OPTIMIZERS
from tiny import WEAKEN, events, find_hook, make, unwrap

from mmst.engine import PruneHook
from mmst.engine.hooks import search_hook
from mmst.engine.run.coverage import log_coverage
from mmst.engine.run.search_advice import (
    advise_after_run,
    describe_nearness,
    dropped_state,
)
from mmst.search.importance import nearness

SHORT = dict(length=4, recalibrate=False)
QUIET = dict(interval=1, rho=0., threshold=1e-3)


def train(tmp_path, epochs=2, **settings):
    """A run's messages, by level: (runner, infos, warnings)."""
    runner = make(tmp_path, epochs, **{**SHORT, **settings})
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    runner.logger.addHandler(handler)
    runner.logger.setLevel(logging.INFO)
    runner.train()
    printed = {level: [r.getMessage() for r in records if r.levelno == level]
            for level in (logging.INFO, logging.WARNING)}
    return runner, printed[logging.INFO], printed[logging.WARNING]


def containing(messages, text):
    return [message for message in messages if text in message]


# ------------------------------------------------------------------------------ in a run


def test_a_run_says_once_what_it_leaves_alone_and_how_near_each_search_is(tmp_path):
    runner, infos, warnings = train(tmp_path, search=QUIET)
    lines = containing(infos, 'are prunable')
    assert len(lines) == 1 and 'neither' in lines[0] and 'classifier' in lines[0]
    searches = containing(infos, 'search at')
    assert len(searches) == 2
    for message, event in zip(searches, [e for e in events(runner) if e['kind'] == 'search'],
                              strict=True):
        assert event['below'] == 0 and event['smallest'] > 0.5 and event['threshold'] == 1e-3
        assert f'0 below threshold 0.001, smallest {event["smallest"]:.3g}' in message
    printed = containing(warnings, 'removed nothing')
    assert len(printed) == 1
    assert '2 searches' in printed[0] and 'SearchHook.rho (now 0)' in printed[0]


def test_a_run_whose_searches_remove_units_ends_without_that_warning(tmp_path):
    _, infos, warnings = train(tmp_path, search=dict(QUIET), probes=[WEAKEN])
    assert not containing(warnings, 'removed nothing') and containing(infos, 'removed 1')


def test_units_that_a_divisor_keeps_are_distinguished(tmp_path):
    _, _, warnings = train(tmp_path, search=dict(QUIET, divisor=48), probes=[WEAKEN])
    printed = containing(warnings, 'removed nothing')
    assert len(printed) == 1 and 'lower SearchHook.divisor or minimum' in printed[0]


@pytest.mark.parametrize('settings, prunable', [(dict(prune=False), '0.0% are prunable'),
                                                (dict(search=False, prune=dict(
                                                    reactivation=None)), '0.0% lie in searched')])
def test_halves_of_the_method_alone_tell_too(tmp_path, settings, prunable):
    _, infos, _ = train(tmp_path, 2, **settings)
    assert len(containing(infos, prunable)) == 1


@OPTIMIZERS.register_module(force=True)
class InMatrices(torch.optim.SGD):
    """It keeps a matrix of the first dimension with itself, as Shampoo-like optimizers do."""

    def step(self, closure=None):
        super().step(closure)
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is not None:
                    self.state[p].setdefault('gram', torch.eye(len(p)))
                    assert len(self.state[p]['gram']) == len(p)


def test_state_that_begins_again_is_warned_of_once_and_the_run_goes_on(tmp_path):
    _, infos, warnings = train(tmp_path, 3, search=QUIET, probes=[WEAKEN],
                               optimizer=dict(type='InMatrices', lr=0.01))
    assert len(containing(infos, 'removed')) >= 2
    printed = containing(warnings, 'InMatrices keeps state (gram)')
    assert len(printed) == 1 and 'begins again' in printed[0]


def test_a_part_that_is_larger_than_what_is_pruned_is_named_with_the_remedy(tmp_path):
    runner = make(tmp_path, 1, **SHORT, search=False, prune=dict(reactivation=None))
    unwrap(runner).classifier.weight = torch.nn.Parameter(torch.randn(9000, 4, 1, 1))
    printed, handler = [], logging.Handler()
    handler.emit = lambda record: printed.append(record.getMessage())
    runner.logger.addHandler(handler)
    runner.logger.setLevel(logging.INFO)
    log_coverage(runner, find_hook(runner, PruneHook))
    assert len(printed) == 1
    assert printed[0].endswith('to prune classifier, too, name it in PruneHook.parts')


# ------------------------------------------------------------------------------ in words


def event(smallest, removed=(), below=0, threshold=1e-3):
    return dict(removed=list(removed), smallest=smallest, tenth=2 * smallest, below=below, units=40,
                threshold=threshold)


def test_nearness_is_that_of_all_units_together():
    found = nearness([torch.tensor([0.5, 0.002]), torch.tensor([]), torch.linspace(1, 2, 18)], 0.01)
    assert found == dict(threshold=0.01, units=20, below=1, smallest=pytest.approx(0.002),
                         tenth=pytest.approx(1.))
    assert nearness([], 0.01) == {}
    assert 'smallest 0.002 (0.2 times that)' in describe_nearness(found)
    assert describe_nearness(dict(removed=[])) == '', 'events of earlier versions have none'


def test_advice_names_the_settings_and_their_values():
    printed = advise_after_run([event(0.5), event(0.02)], rho=1.4e-4, warmup=25)
    for words in ('2 searches', '0.02 at the last', '20 times SearchHook.threshold = 0.001',
                  'rho (now 0.00014)', 'warmup (now 25)', 'threshold = 0.04'):
        assert words in printed
    assert 'target_flops' in advise_after_run([event(0.5)], 0.1, 0, target_met=True)
    assert 'divisor' in advise_after_run([event(0.0005, below=3)], 0.1, 0)


@pytest.mark.parametrize('searches', [[], [event(0.1, removed=['a']), event(0.2)],
                                      [dict(removed=[])]])
def test_there_is_no_advice_where_none_is_due(searches):
    assert advise_after_run(searches, 0.1, 0) is None


def test_nothing_is_said_of_state_that_was_cut():
    assert dropped_state(None, {}) is None


@pytest.mark.parametrize('available', [True, False])
def test_cudnn_tries_no_ways_in_a_run_with_searches_on_a_gpu(tmp_path, monkeypatch, available):
    monkeypatch.setattr(search_hook, 'is_cuda_available', lambda: available)
    runner = make(tmp_path, 2, **SHORT)
    monkeypatch.setattr(torch.backends.cudnn, 'benchmark', True)
    printed, attention = [], []
    monkeypatch.setattr(torch.backends.cuda, 'enable_cudnn_sdp', attention.append)
    monkeypatch.setattr(runner.logger, 'warning', lambda text, *_: printed.append(text))
    runner.train()
    assert torch.backends.cudnn.benchmark is not available
    assert attention == [False] * available
    assert sum('cudnn_benchmark' in text for text in printed) == available
