"""Surrounds a rehearsal so that nothing that happens there is left behind."""
import gc
import io
import logging
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from functools import partial
from typing import Any
from unittest import mock

import cv2
import torch
from mmengine.utils import ManagerMixin

from ...openmmlab.internals import named_instances
from ...openmmlab.quiet_log import quiet_log
from ...randomness import isolated_random_state
from ...temporary import temporary_folder

_FLAGS = [(torch.backends.cudnn, 'benchmark'), (torch.backends.cudnn, 'deterministic'),
          (torch.backends.cudnn, 'allow_tf32'), (torch.backends.cuda.matmul, 'allow_tf32')]


@contextmanager
def sandbox(device: int = 0) -> Iterator[str]:
    """Give a folder that vanishes; restore random numbers and all global state afterwards.

    Output and warnings are held back, and the process is alone even where others are connected.

    Args:
        device (int): Number of the GPU to work on, where there is one.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder('mmst_rehearsal_'))
        stack.enter_context(isolated_random_state(0))
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter('ignore')
        for restore in _restorations():
            stack.callback(restore)
        # Before the loggers' registry is emptied, as it has to reach those that are there.
        stack.enter_context(quiet_log(logging.CRITICAL))
        for kind in _global_classes():
            stack.enter_context(mock.patch.dict(named_instances(kind), clear=True))
        stack.callback(_forget_instances)
        stack.enter_context(mock.patch.dict(os.environ))
        # Other processes may be at another step.
        stack.enter_context(mock.patch.object(torch.distributed, 'is_initialized', bool))
        if torch.cuda.is_available():
            stack.enter_context(torch.cuda.device(device % torch.cuda.device_count()))
            stack.callback(torch.cuda.reset_peak_memory_stats)
            stack.callback(torch.cuda.empty_cache)
        # Data sets of mmengine collect garbage when they are built, which passes over old objects.
        # Where somebody has set some aside already, those stay so.
        if not gc.get_freeze_count():
            gc.freeze()
            stack.callback(gc.unfreeze)
        stack.callback(gc.collect)
        yield folder


def _restorations() -> list[Callable[[], Any]]:
    """Return calls that restore the present state that the whole process shares."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    start = multiprocessing.get_start_method(allow_none=True)
    backends: Any = torch.backends.cuda
    attention = ([partial(backends.enable_cudnn_sdp, backends.cudnn_sdp_enabled())]
                 if hasattr(backends, 'enable_cudnn_sdp') else [])  # from torch 2.5 on
    return [
        *attention,
        *(partial(setattr, owner, name, getattr(owner, name)) for owner, name in _FLAGS),
        partial(torch.use_deterministic_algorithms, deterministic, warn_only=warns),
        partial(torch.set_num_threads, torch.get_num_threads()),
        partial(torch.set_default_dtype, torch.get_default_dtype()),
        partial(torch.set_grad_enabled, torch.is_grad_enabled()),
        partial(multiprocessing.set_start_method, start, force=True),
        partial(os.chdir, os.getcwd()),
        partial(cv2.setNumThreads, cv2.getNumThreads())]


def _global_classes(kind: Any = ManagerMixin) -> Iterator[Any]:
    """Yield the classes whose instances mmengine keeps for everybody, by name."""
    for child in kind.__subclasses__():
        yield child
        yield from _global_classes(child)


def _forget_instances() -> None:
    """Close files and instances of the rehearsal, also those of classes that came with it."""
    for kind in _global_classes():
        for instance in named_instances(kind).values():
            for handler in getattr(instance, 'handlers', ()):
                handler.close()
        named_instances(kind).clear()
