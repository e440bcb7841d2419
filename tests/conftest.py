"""Shared by all tests: one thread, a seed, and no state of mmengine left from the test before."""
import collections
import gc
import os
import random
import shutil
import subprocess
import time
from types import SimpleNamespace

# Before torch is imported, and inherited by the processes that tests start: several of them would
# fight for the cores, and one thread adds in the same order everywhere.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np
import pytest
import torch
from forget import forget_runners
from mmengine.config import config
from mmengine.runner import loops

import mmst  # noqa: F401


@pytest.fixture(autouse=True, scope='session')
def plain_code():
    """Configs that runs write down are code but not laid out: that takes longer than tiny runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, 'FormatCode', lambda text, **_: (text, True))
        yield


@pytest.fixture(autouse=True, scope='session')
def no_waiting():
    """mmengine waits two seconds where an iteration-based run begins with its data anew, for the
    sake of worker processes, which small runs have none of.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loops, 'time', SimpleNamespace(**{**vars(time), 'sleep': lambda _: None}))
        yield


@pytest.fixture(autouse=True, scope='module')
def seeded_module():
    """Fixtures that the tests of a file share start from the same random numbers, too."""
    seed()


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random numbers, whichever tests ran before."""
    seed()


@pytest.fixture(autouse=True)
def gradients():
    """A test that leaves gradients off fails itself, and not those that come after it."""
    yield
    on = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    assert on, 'the test has turned gradients off and not on again'


def seed():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def fresh_mmengine():
    """Forget the runners, loggers and scopes that a test has left in mmengine."""
    yield
    forget_runners()


def pytest_collection_finish():
    """Let garbage collections, of which each data set makes one, pass over what was imported."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    """Leave slow tests to ``MMST_SLOW=1``, and of those that come by turns all but this turn's."""
    slow = pytest.mark.skip(reason='slow: MMST_SLOW=1 runs it')
    turn, seen, files = this_turn(), collections.Counter(), {}
    for item in items:
        if item.get_closest_marker('slow'):
            item.add_marker(pytest.mark.timeout(0) if os.environ.get('MMST_SLOW') == '1' else slow)
        by_turns = item.get_closest_marker('by_turns')
        if by_turns and turn is not None:
            turns, parameter = (*by_turns.args, None)[:2]
            cases = getattr(item, 'callspec', None)
            # Tests of one case come by turns with others of that kind.
            test = item.nodeid.partition('[')[0] if cases else turns
            if by_turns.kwargs.get('together'):
                own = files.setdefault(item.path, len(files))
            elif cases and parameter:
                own = cases.indices.get(parameter, turn)
            else:
                own = seen[test]
            seen[test] += 1
            if (own - turn) % turns:
                item.add_marker(pytest.mark.skip(reason='by turns: MMST_TURN=all runs all'))


def this_turn():
    """Return the turn's number, which each commit moves on; None where all tests are to run.

    ``MMST_TURN`` gives it too; it is 0 where neither does.
    """
    given = os.environ.get('MMST_TURN')
    if given is None and shutil.which('git'):
        count = subprocess.run(['git', 'rev-list', '--count', 'HEAD'], capture_output=True,
                               cwd=os.path.dirname(__file__), text=True).stdout
        given = count.strip()
    return None if given == 'all' else int(given or 0)
