"""Runs that could not be resumed are refused."""
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from mmengine.hooks import CheckpointHook
from mmengine.optim import OptimWrapper

from mmst.engine.hooks.resume_hook import check_gathering
from mmst.engine.hooks.ticket_checkpoint_hook import TicketCheckpointHook
from mmst.engine.optim.masked_optim_wrapper import MaskedOptimWrapper
from mmst.errors import ConfigError


def runner(hook, wrapper, count):
    optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=1.)
    return SimpleNamespace(hooks=[hook(interval=1)],
                           optim_wrapper=wrapper(optimizer=optimizer, accumulative_counts=count))


def test_gradients_that_several_processes_gather_need_the_hook_that_saves_them():
    plain = runner(CheckpointHook, MaskedOptimWrapper, 2)
    check_gathering(plain)  # one process saves its own
    with mock.patch('mmengine.dist.get_world_size', lambda: 2):
        with pytest.raises(ConfigError, match=r"type = 'CheckpointHook': .*Remedy: use type='mmst"):
            check_gathering(plain)
        for accepted in ((CheckpointHook, MaskedOptimWrapper, 1), (CheckpointHook, OptimWrapper, 2),
                         (TicketCheckpointHook, MaskedOptimWrapper, 2)):
            check_gathering(runner(*accepted))
