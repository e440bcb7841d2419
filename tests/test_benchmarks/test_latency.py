"""Timings of whole networks, and their records."""
import json
from pathlib import Path

import latency
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


def test_the_second_call_counts_and_the_first_stands_beside_it(monkeypatch):
    given = iter([(9., 8.), (5., 4.)] * 3 + [(90., 80.), (50., 40.)] * 3)
    monkeypatch.setattr(latency, 'timed', lambda run, image: next(given))
    times = {name: latency.measure({name: None}, torch.zeros(1), 1)[name] for name in 'ab'}
    assert times == dict(a=[(5., 4., 8.)], b=[(50., 40., 80.)])
    assert latency.speedup(times, 'a', 'b', 1) == 10.


@pytest.mark.parametrize('path', RECORDS, ids=lambda path: path.stem)
def test_pages_are_those_of_the_recorded_numbers(path):
    assert path.with_suffix('.md').read_text() == markdown(json.loads(path.read_text()))
    assert len(RECORDS) >= 3
