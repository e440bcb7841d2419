"""Processes that are forked from a server that has imported everything and done nothing yet."""
import multiprocessing
import os
from multiprocessing import forkserver

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
