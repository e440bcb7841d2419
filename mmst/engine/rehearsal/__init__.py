"""Rehearses the whole run in small on throw-away copies, before anything is written.

All in the config is built by the registries that the run will use, one batch is trained, one image
evaluated, and the schedules are stepped to their end. Each exception becomes one line.
"""
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.config import Config

from ...openmmlab.internals import compile_step, initialize_weights
from ...randomness import isolated_random_state
from ..explain import explaining
from . import pairs, settings
from .checks import Checked, check
from .runner import build
from .sandbox import sandbox
from .steps import Rehearsal

__all__ = ['check', 'rehearse']

HINT = ' (--no-rehearsal starts without this check and shows the whole error)'


def rehearse(cfg: Config, checked: Checked | None = None, device: int = 0,
             processes: int = 1) -> None:
    """Refuse a config whose run would fail at its start, in its first step or evaluation.

    Nothing is written but to a temporary folder, and random numbers are as if it had not happened.
    Each process of several rehearses alone. ``rehearsal=False`` in the config leaves it out.

    Args:
        cfg (Config): The whole config; it is not changed.
        checked (Checked, optional): From :func:`check`, by default called here; its network is
            trained.
        device (int): Number of the GPU to work on, where there is one.
        processes (int): Of the run. Defaults to 1.

    Raises:
        MMSTError: The first thing that fails: its key, its value, the error's own words, a remedy.
    """
    if not cfg.get('rehearsal', True):
        return
    if checked is None:
        with isolated_random_state(0):
            checked = check(cfg)
    places = checked.places
    with sandbox(device) as folder:
        with explaining(places, hint=HINT):
            runner = build(cfg, checked.network, folder)
        places.note(runner.log_processor, 'log_processor')
        for section, step in _steps(Rehearsal(runner, places, checked.start, processes)):
            with explaining(places, section, HINT):
                step()


def _steps(run: Rehearsal) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield sections of the config, each with its steps, in the order of a run."""
    runner = run.runner
    yield 'train_dataloader', lambda: run.build_loader('train')
    yield 'train_cfg', run.build_train_loop
    yield 'optim_wrapper', run.build_optimizer
    yield 'auto_scale_lr', lambda: runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    yield 'param_scheduler', run.build_schedules
    yield 'default_hooks', run.check_hooks
    # First, and with weights as torch draws them: a detector that is initialised, or has trained
    # for a step, finds no boxes, and so does not reach the code that handles them.
    yield 'val_dataloader', lambda: run.build_loader('val')
    yield 'val_cfg', lambda: runner.val_loop
    yield 'val_evaluator', lambda: pairs.check_classes(runner)
    yield 'model', lambda: pairs.check_codecs(run.places)
    yield 'val_evaluator', run.evaluate_one_image
    yield 'param_scheduler', lambda: settings.check_schedules(runner, run.places)
    yield 'model', run.train_one_batch
    yield 'model', lambda: initialize_weights(runner)
    yield 'load_from', run.load_start
    yield 'load_from', run.resume
    yield 'compile', lambda: compile_step(runner)
    yield 'custom_hooks', run.begin_hooks
    yield 'log_processor', lambda: runner.log_processor.get_log_after_iter(runner, 0, 'train')
