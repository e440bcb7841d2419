"""Shared by all tests: one thread, a seed, and no state of mmengine left from the test before."""
import os
import random

# Before torch is imported, and inherited by the processes that tests start: several of them would
# fight for the cores, and one thread adds in the same order everywhere.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np
import pytest
import torch
from forget import forget_runners


@pytest.fixture(autouse=True, scope='module')
def seeded_module():
    """Fixtures that the tests of a file share start from the same random numbers, too."""
    seed()


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random numbers, whichever tests ran before."""
    seed()


def seed():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def fresh_mmengine():
    """Forget the runners, loggers and scopes that a test has left in mmengine."""
    yield
    forget_runners()


def pytest_collection_modifyitems(items):
    """Leave slow tests to ``MMST_SLOW=1``: they repeat what quick ones show, at length."""
    skip = pytest.mark.skip(reason='slow: MMST_SLOW=1 runs it')
    for item in items:
        if item.get_closest_marker('slow'):
            item.add_marker(pytest.mark.timeout(0) if os.environ.get('MMST_SLOW') == '1' else skip)
