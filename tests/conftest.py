"""Shared by all tests: one thread, a seed, and no state of mmengine left from the test before."""
import os
import random
import sys

# Before torch is imported, and inherited by the processes that tests start: several of them would
# fight for the cores, and one thread adds in the same order everywhere.
os.environ.setdefault('OMP_NUM_THREADS', '1')

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402


@pytest.fixture(autouse=True)
def seeded():
    """Every test starts from the same random numbers, whichever tests ran before."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def fresh_mmengine():
    """Forget the runners, loggers and scopes that a test has left in mmengine."""
    yield
    forget_runners()


def forget_runners():
    """Clear what mmengine keeps for a process: runners' loggers, message hubs, scopes."""
    if 'mmengine.logging' not in sys.modules:
        return
    from mmengine.logging import MessageHub, MMLogger
    from mmengine.registry import DefaultScope
    from mmengine.visualization import Visualizer
    for logger in MMLogger._instance_dict.values():
        for handler in logger.handlers:
            handler.close()
    for manager in (MMLogger, MessageHub, DefaultScope, Visualizer):
        manager._instance_dict.clear()
