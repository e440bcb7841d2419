"""The record of predicted and measured milliseconds."""
import json
from pathlib import Path

import pytest
from milliseconds import RESULTS, markdown, since_the_table


def test_a_machine_that_has_become_slower_is_told_apart_from_a_wrong_table():
    # 10% slower while the table was measured, 20% slower once more before the end.
    assert since_the_table([1.1, 1.2]) == pytest.approx(1.1 * 1.2 / 1.05)
    assert since_the_table([1., 1.]) == 1


def test_the_committed_page_is_that_of_the_committed_figures():
    record = json.loads(Path(RESULTS).read_text())
    assert RESULTS.with_suffix('.md').read_text() == markdown(record)
    assert markdown(dict(record, pace=[1., 1.])) != markdown(record)
