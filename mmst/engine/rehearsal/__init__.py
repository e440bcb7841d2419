"""Rehearses the whole run in small on throw-away copies, before anything is written.

Everything in the config is built by the registries that the run will use, one batch is trained, one
image evaluated, and the schedules are stepped to their end. Whatever raises becomes one line.
"""
import os
from collections.abc import Callable, Iterator
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from . import settings, steps
from .explain import explained
from .runner import build
from .sandbox import sandbox

__all__ = ['rehearse']

HINT = ' (--no-rehearsal starts without this check and shows the whole error)'


def rehearse(cfg: Config, device: int = 0) -> None:
    """Refuse a config whose run would fail at its start, in its first step or evaluation.

    Nothing is written but to a temporary folder, and random numbers are afterwards as if it had not
    happened. Each process of a distributed run rehearses alone. ``rehearsal=False`` in the config
    leaves it out.

    Args:
        cfg (Config): The whole config; it is not changed.
        device (int): Number of the GPU to work on, where there is one.

    Raises:
        MMSTError: The first thing that fails: its key, its value, the error's own words, a remedy.
    """
    if not cfg.get('rehearsal', True):
        return
    with sandbox(device) as folder:
        names: dict[int, str] = {}
        runner: list[Runner] = []
        for section, step in _steps(cfg, folder, runner):
            with explained(cfg, section, names, HINT):
                step()
            names.update(steps.names_of(runner[0], cfg) if runner else {})


def _steps(cfg: Config, folder: str, made: list[Runner]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the sections of the config and the actions on them, in the order of a run."""
    yield '', lambda: settings.check(cfg)
    processes = 1 if cfg.get('launcher', 'none') == 'none' else int(os.environ['WORLD_SIZE'])
    yield '', lambda: made.append(build(cfg, folder))
    runner = made[0]
    yield 'model', lambda: settings.check_norms(runner, processes)
    yield 'train_dataloader', lambda: steps.build_loader(runner, 'train', processes)
    yield 'train_cfg', lambda: steps.build_train_loop(runner)
    yield 'optim_wrapper', lambda: steps.build_optimizer(runner)
    yield 'auto_scale_lr', lambda: runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    yield 'default_hooks', lambda: steps.check_hooks(runner)
    yield 'param_scheduler', lambda: steps.build_schedulers(runner)
    # First, and with weights as torch draws them: a detector that is initialised, or has trained
    # for a step, finds no boxes, and so does not reach all that it does with them.
    yield 'val_dataloader', lambda: steps.build_loader(runner, 'val', processes)
    yield 'val_cfg', lambda: steps.build_val_loop(runner)
    yield 'val_evaluator', lambda: steps.evaluate_one_image(runner)
    yield 'custom_hooks', lambda: steps.start_hooks(runner)
    yield 'model', lambda: steps.train_one_batch(runner)
    yield 'param_scheduler', lambda: steps.run_schedulers(runner)
    yield 'model', runner._init_model_weights
