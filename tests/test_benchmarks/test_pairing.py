"""Interleaved timings, and the records that are made of them."""
import json
import time
from pathlib import Path

import depthwise
import pytest
import shrinking
import training_report
from pairing import measure, summary

RESULTS = Path(__file__).parents[2] / 'benchmarks' / 'results'


def test_candidates_run_in_turn_after_a_round_of_warm_up():
    calls = []
    times = measure(dict(a=lambda: calls.append('a'), b=lambda: calls.append('b')), 2,
                    prepare=lambda name: calls.append(f'before {name}'))
    assert calls == ['before a', 'a', 'before b', 'b'] * 3
    assert len(times['a']) == len(times['b']) == 2


def test_what_prepares_a_call_is_not_timed():
    times = measure(dict(a=lambda: None), 1, prepare=lambda name: time.sleep(0.1))
    assert times['a'][0][0] < 0.05


def test_speedups_are_medians_over_rounds_of_processor_time():
    found = summary(dict(slow=[(9., 2.), (9., 4.), (9., 12.)], fast=[(1., 1.), (2., 1.), (9., 2.)]),
                    'slow')
    assert found['slow']['speedup'] == 1
    assert found['fast']['speedup'] == 4 and found['fast']['speedups'] == [2, 6]
    assert found['fast']['processor_ms'] == 1000 and found['fast']['clock_ms'] == 2000


@pytest.mark.parametrize('name, markdown', [
    ('training', training_report.markdown), ('shrinking', shrinking.markdown),
    ('depthwise', depthwise.markdown)])
def test_shipped_tables_are_those_of_the_shipped_records(name, markdown):
    record = json.loads((RESULTS / f'{name}.json').read_text())
    assert (RESULTS / f'{name}.md').read_text() == markdown(record)
