"""Official networks of the toolboxes: units cover their BNs, and removing units is exact."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / 'benchmarks'))
import any_network
from any_network_configs import CONFIGS, EXCEPTIONS


@pytest.mark.by_turns(16)
@pytest.mark.parametrize('toolbox,path', any_network.names(),
                         ids=lambda value: value.rpartition('/')[2])
def test_units_cover_the_norms_and_their_removal_is_exact(toolbox, path):
    found = any_network.measure(toolbox, path)
    assert found['groups'] and found['difference'] < 1e-5
    enough = found['covered'] >= any_network.ENOUGH * found['channels']
    assert enough != (path.rpartition('/')[2] in EXCEPTIONS), (found['covered'], found['channels'])


def test_exceptions_are_few_and_listed_configs():
    names = {path.rpartition('/')[2] for _, path in any_network.names()}
    assert set(EXCEPTIONS) <= names and len(names) - len(EXCEPTIONS) >= 45


def test_there_are_55_configs_in_four_toolboxes():
    assert sum(map(len, CONFIGS.values())) == 55 and len(CONFIGS) == 4


def test_table_says_what_is_covered_and_what_is_not():
    text = any_network.table({
        'mmseg: a': dict(groups=2, units=10, covered=9, channels=10, seconds=1., difference=1e-7,
                         left_alone={'b.channels': 'outputs change where its scales are 0'}),
        'mmseg: c': dict(error='RuntimeError: d')})
    assert '| mmseg: a | 2 | 10 | 90.0% | 1e-07 | 1.0 | outputs change' in text
    assert '| mmseg: c | - | - | - | - | - | RuntimeError: d |' in text
