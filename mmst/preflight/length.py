"""How long is the run, and does its learning rate schedule end with it?"""
from typing import Tuple

from mmengine.config import Config
from mmengine.registry import LOOPS
from mmengine.runner import IterBasedTrainLoop

from ..errors import config_error
from ..kinds import kind_name
from .resolve import resolve


def run_length(cfg: Config) -> Tuple[int, str]:
    """Length of the run and its unit, ``'epochs'`` or ``'iterations'``.

    Raises:
        ConfigError: The length is no whole number of at least 1.
    """
    settings = cfg.train_cfg
    kind = resolve(LOOPS, settings.get('type'))
    iterations = not settings.get('by_epoch', True) if kind is None else issubclass(
        kind, IterBasedTrainLoop)
    name = 'max_iters' if iterations else 'max_epochs'
    steps = settings.get(name)
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise config_error(f'train_cfg.{name}', steps, 'must be a whole number of at least 1',
                           'give the length of the run')
    return steps, 'iterations' if iterations else 'epochs'


def check_one_cycle(cfg: Config) -> None:
    """Refuse a one-cycle schedule that ends before or after the run.

    Its length stands in the config a second time and is easily forgotten when ``max_epochs`` is
    overridden: the rate then never comes down, or the run stops with an error at its end. Cycles
    with ``begin`` or ``end`` of their own, and those that count other steps than the run, are
    passed over.

    Raises:
        ConfigError: Naming ``param_scheduler[…].total_steps``.
    """
    steps, unit = run_length(cfg)
    schedulers = cfg.get('param_scheduler') or []
    listed = isinstance(schedulers, (list, tuple))
    for i, scheduler in enumerate(schedulers if listed else [schedulers]):
        kind = kind_name(scheduler)
        own_span = scheduler.get('begin') or scheduler.get('end')
        same_unit = scheduler.get('by_epoch', True) == (unit == 'epochs')
        total = scheduler.get('total_steps')
        if 'OneCycle' in kind and same_unit and not own_span and total not in (None, steps):
            key = f'param_scheduler{f"[{i}]" if listed else ""}.total_steps'
            option = f'param_scheduler{f".{i}" if listed else ""}.total_steps={steps}'
            raise config_error(key, total, f'the run has {steps} {unit}',
                               f'set it to {steps}, e.g. --cfg-options {option}')
