"""Forks processes: from a server that has imported everything and done nothing yet, or the test."""
import multiprocessing
import os
import signal
import time
from multiprocessing import forkserver

import torch
from torch.utils._pytree import tree_leaves

#: Modules of ``tests/`` that hold what processes do, and what a run imports when it needs it first.
PRELOAD = ['kills', 'rank_gradients', 'setuptools', 'torchvision', 'matplotlib.pyplot',
           'mpl_toolkits.mplot3d', 'torch._dynamo', 'torch._inductor.test_operators',
           'torch.onnx.symbolic_helper']
#: Where those modules lie: the server does not know the paths of the process that starts it.
PATHS = [os.path.dirname(os.path.abspath(__file__))]


def context():
    """A context of multiprocessing; its server is started at the first call."""
    found = multiprocessing.get_context('forkserver')
    found.set_forkserver_preload(PRELOAD)
    before = os.environ.get('PYTHONPATH')
    os.environ['PYTHONPATH'] = os.pathsep.join([*PATHS, *filter(None, [before])])
    try:
        forkserver.ensure_running()
    finally:
        os.environ['PYTHONPATH'] = before or ''
    return found


def child_gives(function, x, expected, limit=30):
    """Whether a forked child's outputs are the expected ones; None: it hangs."""
    pid = os.fork()
    if not pid:
        code = 2
        try:
            code = int(not torch.equal(function(x), expected))
        finally:
            os._exit(code)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def answer(model, x, queue):
    """Put a network's outputs into a queue, in a process that may import this file by its name."""
    queue.put([found.numpy() for found in tree_leaves(model(x))])
