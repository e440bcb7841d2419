"""Schedules and runs of different lengths."""
import logging

import torch
from mmengine.optim import ConstantLR, MultiStepLR
from tiny import make

from mmst.engine.hooks.schedules_hook import find_unfinished

OPTIMIZER = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.)


def test_schedules_that_fit_the_run_or_never_end_are_not_mentioned():
    fitting = [ConstantLR(OPTIMIZER, begin=0, end=4, by_epoch=True),
               ConstantLR(OPTIMIZER, begin=0, end=40, by_epoch=False),
               MultiStepLR(OPTIMIZER, milestones=[2])]
    assert find_unfinished(fitting, 4, 40) == []


def test_schedules_beyond_the_run_are_named_with_its_length():
    long, late = find_unfinished([ConstantLR(OPTIMIZER, begin=0, end=5, by_epoch=True),
                             ConstantLR(OPTIMIZER, begin=40, end=60, by_epoch=False)], 4, 40)
    assert 'ConstantLR from 0 to 5 does not come to its end: the run has 4 epochs' in long
    assert 'ConstantLR from 40 to 60 never begins: the run has 40 iterations' in late


def test_a_run_says_so_at_its_start(tmp_path):
    runner = make(tmp_path, 2, custom_hooks=[dict(type='mmst.SchedulesHook')], param_scheduler=[
        dict(type='ConstantLR', factor=0.5, begin=0, end=160000, by_epoch=False)])
    seen = []
    runner.logger.addHandler(Recorder(seen))
    runner.train()
    assert any('160000 does not come to its end: the run has 4 iterations' in text
               for text in seen)


class Recorder(logging.Handler):
    """Keeps warnings."""

    def __init__(self, seen):
        super().__init__(logging.WARNING)
        self.seen = seen

    def emit(self, record):
        self.seen.append(record.getMessage())
