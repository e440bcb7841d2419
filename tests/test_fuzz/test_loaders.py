"""Damaged files of each kind under a bound of memory and time; see ``loaders``."""
import pytest
from limited import MB, limited
from loaders import KINDS, survey

#: Bytes of addresses that loading any of the files, all below 50 kB, may take.
MEMORY = 400 * MB


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('name', KINDS)
def test_damaged_files_are_refused_or_load_whole(name):
    counts = limited(survey, name, 300, memory=MEMORY, seconds=500)
    assert sum(counts.values()) >= 100 and counts['refused'] + counts['loaded']


@pytest.mark.slow
@pytest.mark.parametrize('name', KINDS)
def test_many_damaged_files_are_refused_or_load_whole(name):
    counts = limited(survey, name, 3000, memory=MEMORY, seconds=3000)
    assert sum(counts.values()) >= 2000, counts
