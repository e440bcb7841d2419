"""BN statistics that fit the network."""
import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ...registry import HOOKS
from ...search.recalibrate import recalibrate
from ..access import models, refresh_averaged
from ..events import add_event, events, happened
from .interval_hook import IntervalHook, check_interval, max_steps, validation_due


@HOOKS.register_module()
class RecalibrateHook(IntervalHook):
    """Renews BN statistics after each search and before each evaluation of anything pruned.

    Without it pruned networks collapse for the wrong reason. Tickets can be evaluated at any time,
    so it acts after each prune and at the end too. Batches come from a loader of its own (the
    training set and its augmentation); the EMA copy is recalibrated too; the run's random state is
    left as it was.

    Args:
        batches (int): Batches on each rank. Defaults to 10.
        batch_size (int): Images of a batch. Defaults to 16 (the authors use 256 on ImageNet).
    """
    priority = 72

    def __init__(self, batches: int = 10, batch_size: int = 16):
        self.batches = check_interval('RecalibrateHook.batches', batches, 'use the authors\' 10')
        self.batch_size = check_interval('RecalibrateHook.batch_size', batch_size, 'use 16')

    def on_step(self, runner: Runner, step: int) -> None:
        changed = any(e['kind'] in ('search', 'prune') for e in events(runner))
        evaluated = validation_due(runner, step) or step == max_steps(runner)
        if happened(runner, step, 'search', 'prune') or (changed and evaluated):
            with isolated_random_state(runner.seed + step):
                count = recalibrate(models(runner), self._batches(runner, step))
            refresh_averaged(runner)
            add_event(runner, 'recalibrate', step, batches=count)

    def _batches(self, runner: Runner, step: int) -> Iterator[dict]:
        train = runner.train_dataloader
        sampler = DefaultSampler(train.dataset, shuffle=True, seed=runner.seed + step)
        loader = DataLoader(train.dataset, self.batch_size, sampler=sampler,
                            collate_fn=train.collate_fn)
        for _, batch in zip(range(self.batches), loader):
            yield batch


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
