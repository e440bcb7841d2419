"""Wraps a model again after its shapes have changed."""
import gc

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ...openmmlab.internals import compile_step
from .runner_views import refresh_averaged


def follow_loaded(runner: Runner) -> None:
    """Let averages and wrapper follow a file that was loaded: it may hold a searched network."""
    refresh_averaged(runner)
    rewrap(runner)


def rewrap(runner: Runner) -> None:
    """Replace the distributed wrapper, whose reducer holds buckets of the old shapes.

    The Runner wraps before a checkpoint is loaded, so this is needed after a resume too. Without a
    wrapper nothing but the compiled step is renewed. Gradients that were gathered for the next step
    stay.
    """
    if runner.cfg.get('compile'):
        # Graphs of former shapes are of no use, and after the eighth torch would stop compiling.
        torch.compiler.reset()
    if is_model_wrapper(runner.model):
        module = runner.model.module
        runner.model = None
        gc.collect()
        runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), module)
        compile_step(runner)
