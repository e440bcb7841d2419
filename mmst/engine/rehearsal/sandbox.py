"""Surrounds a rehearsal so that nothing that happens there is left behind."""
import gc
import io
import logging
import multiprocessing
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from tempfile import TemporaryDirectory

import cv2
import torch
from mmengine.utils import ManagerMixin

from ...randomness import isolated_random_state

_FLAGS = [(torch.backends.cudnn, 'benchmark'), (torch.backends.cudnn, 'deterministic'),
          (torch.backends.cudnn, 'allow_tf32'), (torch.backends.cuda.matmul, 'allow_tf32'),
          (torch.distributed, 'is_initialized')]


@contextmanager
def sandbox(device: int = 0) -> Iterator[str]:
    """Give a folder that vanishes; restore random numbers and all global state afterwards.

    Global are mmengine's loggers, message hubs, scopes and visualizers, the environment, torch's
    settings and the folder that the process works in. Output and warnings are held back, and the
    process is alone even where it is connected with others.

    Args:
        device (int): Number of the GPU to work on, where there is one.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix='mmst_rehearsal_'))
        stack.enter_context(isolated_random_state(0))
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter('ignore')
        stack.enter_context(_torch_settings())
        stack.enter_context(_process_settings())
        stack.enter_context(_own_instances())
        if torch.cuda.is_available():
            stack.enter_context(torch.cuda.device(device % torch.cuda.device_count()))
            stack.callback(torch.cuda.reset_peak_memory_stats)
            stack.callback(torch.cuda.empty_cache)
        # Data sets of mmengine collect garbage when they are built: not among all that was there.
        gc.freeze()
        stack.callback(gc.unfreeze)
        stack.callback(gc.collect)
        yield folder


@contextmanager
def _torch_settings() -> Iterator[None]:
    flags = [getattr(owner, name) for owner, name in _FLAGS]
    algorithms = (torch.are_deterministic_algorithms_enabled(),
                  torch.is_deterministic_algorithms_warn_only_enabled())
    threads, dtype, gradients = (torch.get_num_threads(), torch.get_default_dtype(),
                                 torch.is_grad_enabled())
    torch.distributed.is_initialized = lambda: False  # Other processes may be at another step.
    try:
        yield
    finally:
        for (owner, name), value in zip(_FLAGS, flags, strict=True):
            setattr(owner, name, value)
        torch.use_deterministic_algorithms(algorithms[0], warn_only=algorithms[1])
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(gradients)


@contextmanager
def _process_settings() -> Iterator[None]:
    environment, folder, silenced = dict(os.environ), os.getcwd(), logging.root.manager.disable
    method, threads = multiprocessing.get_start_method(allow_none=True), cv2.getNumThreads()
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(silenced)
        os.chdir(folder)
        multiprocessing.set_start_method(method, force=True)
        cv2.setNumThreads(threads)
        os.environ.clear()
        os.environ.update(environment)


@contextmanager
def _own_instances() -> Iterator[None]:
    """Put mmengine's global instances aside, so that none of them is changed."""
    before = {kind: dict(kind._instance_dict) for kind in _managed()}
    for kind in before:
        kind._instance_dict.clear()
    try:
        yield
    finally:
        for kind in _managed():
            for instance in kind._instance_dict.values():
                for handler in getattr(instance, 'handlers', ()):
                    handler.close()
            kind._instance_dict.clear()
            kind._instance_dict.update(before.get(kind, {}))


def _managed(kind: type = ManagerMixin) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from _managed(child)
