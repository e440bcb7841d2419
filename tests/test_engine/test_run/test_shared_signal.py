"""The step at which several processes end after a signal to one of them."""
import signal
from types import SimpleNamespace

import pytest
import torch

from mmst.engine.run import shared_signal
from mmst.engine.run.shared_signal import MOST, SharedSignal, smallest_of_ranks


class Ranks:
    """Stands for a second process, whose numbers are ``others``."""

    def __init__(self, monkeypatch, seconds=0.):
        self.others, self.exchanges, self.now = None, 0, 0.
        self.seconds = seconds
        monkeypatch.setattr(shared_signal.dist, 'get_world_size', lambda: 2)
        monkeypatch.setattr(shared_signal.dist, 'all_reduce', self.reduce)
        monkeypatch.setattr(shared_signal.time, 'monotonic', lambda: self.now)

    def reduce(self, numbers, op):
        assert op == 'min'
        self.exchanges += 1
        numbers.copy_(torch.minimum(numbers, torch.tensor(self.others or numbers.tolist())))

    def steps(self, shared, signals, count):
        """Results of a number of steps."""
        found = []
        for _ in range(count):
            self.now += self.seconds
            found.append(shared.agree(signals))
        return found


def signals(asked=None, deferring=True):
    return SimpleNamespace(asked=asked, deferring=deferring)


def begun():
    shared = SharedSignal()
    shared.begin()
    return shared


def test_a_process_alone_ends_at_once_when_training_has_begun():
    assert begun().agree(signals(signal.SIGTERM)) == signal.SIGTERM
    assert begun().agree(signals(signal.SIGTERM, deferring=False)) is None
    assert begun().agree(signals()) is None
    assert smallest_of_ranks(3, 1) == [3, 1]


def test_a_signal_to_another_process_ends_this_one_too(monkeypatch):
    ranks = Ranks(monkeypatch)
    ranks.others = [-signal.SIGINT, 1]
    assert begun().agree(signals()) == signal.SIGINT


def test_a_signal_to_this_process_waits_for_the_next_exchange(monkeypatch):
    ranks, shared = Ranks(monkeypatch, seconds=0.2), begun()
    assert ranks.steps(shared, signals(), 1) == [None] and ranks.exchanges == 1
    found = ranks.steps(shared, signals(signal.SIGTERM), 5)  # a second
    assert found == [None] * 4 + [signal.SIGTERM] and ranks.exchanges == 2
    assert shared.agree(signals(signal.SIGTERM), now=True) == signal.SIGTERM


@pytest.mark.parametrize('seconds, between', [(0.2, 5), (3., 1), (0., MOST)])
def test_processes_exchange_about_once_a_second(monkeypatch, seconds, between):
    ranks, shared = Ranks(monkeypatch, seconds), begun()
    ranks.steps(shared, signals(), 1 + 3 * between)
    assert ranks.exchanges == 4


def test_the_slowest_process_decides_when_the_next_exchange_is(monkeypatch):
    ranks, shared = Ranks(monkeypatch, seconds=0.1), begun()
    ranks.others = [0, 2]
    ranks.steps(shared, signals(), 1 + 3 * 2)
    assert ranks.exchanges == 4


def test_before_training_begins_nothing_is_exchanged(monkeypatch):
    ranks = Ranks(monkeypatch)
    assert begun().agree(signals(signal.SIGTERM, deferring=False), now=True) is None
    assert ranks.exchanges == 0
