"""Timings of whole networks, and their records."""
import contextlib
import gc
import json
import weakref
from pathlib import Path
from types import SimpleNamespace

import latency
import latency_gpu
import pytest
import torch
from latency_report import markdown

RECORDS = sorted((Path(latency.__file__).parent / 'results').glob('latency_*.json'))


def test_candidates_run_twice_in_turn_after_two_rounds_of_warm_up():
    calls = []
    candidates = {name: lambda image, name=name: calls.append(name) for name in 'ab'}
    times = latency.measure(candidates, torch.zeros(1), 3)
    assert calls == list('aabb') * 5
    assert [len(rounds) for rounds in times.values()] == [3, 3]


def test_the_second_call_counts_and_the_first_stands_next_to_it(monkeypatch):
    given = iter([(9., 8.), (5., 4.)] * 3 + [(90., 80.), (50., 40.)] * 3)
    monkeypatch.setattr(latency, 'timed', lambda run, image: next(given))
    times = {name: latency.measure({name: None}, torch.zeros(1), 1)[name] for name in 'ab'}
    assert times == dict(a=[(5., 4., 8.)], b=[(50., 40., 80.)])
    assert latency.speedup(times, 'a', 'b', 1) == 10.


@pytest.mark.parametrize('path', RECORDS, ids=lambda path: path.stem)
def test_pages_are_those_of_the_recorded_numbers(path):
    assert path.with_suffix('.md').read_text() == markdown(json.loads(path.read_text()))
    assert len(RECORDS) >= 3


@pytest.mark.parametrize(('names', 'first'), [
    (['sparse kernel, 90% layer', 'torch, searched'], 'torch, searched'),
    (['sparse kernel, 90% layer', 'sparse kernel, 90% global'], 'sparse kernel, 90% layer')])
def test_speed_ups_are_relative_to_a_dense_network_where_there_is_one(names, first):
    assert latency.reference({name: [] for name in names}) == first


def test_a_graph_keeps_the_weights_that_it_reads(monkeypatch):
    replays, weights = [], torch.nn.Linear(1, 1)
    monkeypatch.setattr(torch.cuda, 'CUDAGraph', lambda: SimpleNamespace(
        replay=lambda: replays.append(None)))
    monkeypatch.setattr(torch.cuda, 'graph', contextlib.nullcontext)
    run, alive = latency_gpu.captured(lambda weights=weights: weights), weakref.ref(weights)
    del weights
    gc.collect()
    assert alive() is not None
    run()
    assert len(replays) == 1
