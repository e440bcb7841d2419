"""Draws random numbers apart from a run's own."""
import random
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def isolated_random_state(seed: int):
    """Seed Python, NumPy and torch inside the block and restore their states after it."""
    states = random.getstate(), np.random.get_state()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
