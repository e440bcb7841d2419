"""Checks settings that raise nowhere, or only in the middle of a run."""
import ast
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIMIZERS
from mmengine.runner import Runner

from ...errors import config_error
from ...settings.resolve import resolve
from ..hooks.interval_hook import IntervalHook, counts_iterations
from .explain import check_name, suggestion
from .places import leaves

_TOGETHER = ('dataloader', 'cfg', 'evaluator')


def check(cfg: Config) -> None:
    """Refuse an evaluation of which a part is missing.

    Raises:
        ConfigError: Naming it.
    """
    for split in ('val', 'test'):
        given = [name for name in _TOGETHER if cfg.get(f'{split}_{name}') is not None]
        for name in _TOGETHER:
            if given and name not in given:
                raise config_error(f'{split}_{name}', None, f'{split}_{given[0]} is there',
                                   f'set all three of {split}_dataloader, {split}_cfg and '
                                   f'{split}_evaluator, or none of them')


def check_loop(runner: Runner) -> None:
    """Refuse an interval of evaluations that is no whole number, and epochs without an end."""
    _check_interval('train_cfg.val_interval', runner.train_loop.val_interval, 1)
    if not counts_iterations(runner) and isinstance(runner.train_dataloader.sampler,
                                                    InfiniteSampler):
        raise config_error('train_dataloader.sampler.type', 'InfiniteSampler', 'its epochs have no '
                           'end', 'use DefaultSampler, or train_cfg.type=IterBasedTrainLoop')


def check_hooks(runner: Runner) -> None:
    """Refuse hooks that never act, that act twice, or that count other steps than the run."""
    found: dict[Any, str] = {}
    for key, hook in hooks(runner):
        interval = getattr(hook, 'interval', 1)
        _check_interval(f'{key}.interval', interval, -1 if isinstance(hook, CheckpointHook) else 1)
        kind = EMAHook if isinstance(hook, EMAHook) else type(hook)
        if kind in found and issubclass(kind, (EMAHook, IntervalHook)):
            raise config_error(f'{key}.type', kind.__name__, f'{found[kind]} is one already, and '
                               'both would act', f'change {found[kind]}, or remove one of them')
        found[kind] = key
        if isinstance(hook, CheckpointHook) and hook.by_epoch and counts_iterations(runner):
            raise config_error(f'{key}.by_epoch', True, 'the run counts iterations, so there would '
                               'be nothing to resume from until its end',
                               f'set {key}.by_epoch=False; its interval then counts iterations')


def hooks(runner: Runner) -> Iterator[tuple[str, Hook]]:
    """Yield the runner's hooks with their keys in the config."""
    written = [(f'default_hooks.{name}', part)
               for name, part in (runner.cfg.get('default_hooks') or {}).items()]
    written += [(f'custom_hooks[{i}]', part)
                for i, part in enumerate(runner.cfg.get('custom_hooks') or ())]
    for hook in runner.hooks:
        for entry in written:
            kind = entry[1].get('type') if isinstance(entry[1], dict) else type(entry[1])
            if str(getattr(kind, '__name__', kind)).rpartition('.')[2] == type(hook).__name__:
                written.remove(entry)
                yield entry[0], hook
                break


def check_norms(runner: Runner, processes: int) -> None:
    """Refuse layers that work on GPUs only on several processes without any."""
    for key, value in leaves(runner.cfg.model):
        if processes > 1 and not torch.cuda.is_available() and str(value).endswith('SyncBN'):
            raise config_error(f'model.{key}', value, 'it runs on GPUs only',
                               'use \'BN\': statistics are averaged at each recalibration anyhow')


def check_one_optimizer(cfg: dict) -> None:
    """Refuse several optimizers, and names that mmengine looks up without a word."""
    if 'optimizer' not in cfg:
        several = sorted(name for name, part in cfg.items()
                         if isinstance(part, dict) and 'optimizer' in part)
        raise config_error('optim_wrapper', several or None, 'search and prune need one optimizer '
                           'for all parameters', 'give optim_wrapper=dict(optimizer=dict(type=…))')
    check_name(OPTIMIZERS, 'optim_wrapper.optimizer.type', cfg.optimizer.get('type'))
    check_name(OPTIM_WRAPPER_CONSTRUCTORS, 'optim_wrapper.constructor', cfg.get('constructor'))


def check_rules(runner: Runner) -> None:
    """Refuse rules for parameters that nothing reads."""
    cfg = runner.cfg.optim_wrapper
    kind = resolve(OPTIM_WRAPPER_CONSTRUCTORS,
                   cfg.get('constructor', 'DefaultOptimWrapperConstructor'))
    rules, key = cfg.get('paramwise_cfg') or {}, 'optim_wrapper.paramwise_cfg'
    sources = [inspect.getsource(sys.modules[base.__module__]) for base in kind.__mro__[:-1]]
    known = {node.value for source in sources for node in ast.walk(ast.parse(source))
             if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    groups = [(f'{key}.custom_keys.{name}', part)
              for name, part in (rules.get('custom_keys') or {}).items()]
    for place, part in [(key, rules), *groups]:
        for name in part:
            if name not in known and name not in runner.optim_wrapper.optimizer.defaults:
                likely = [word for word in known if word.isidentifier() and '_' in word]
                raise config_error(f'{place}.{name}', part[name], f'{kind.__name__} knows no such '
                                   'rule', suggestion(name, likely) or 'remove it')


def schedulers(runner: Runner) -> Iterator[tuple[str, Any]]:
    """Yield the schedules that are built, with their keys in the config."""
    built = runner.param_schedulers
    listed = isinstance(runner.cfg.get('param_scheduler'), (list, tuple))
    for i, scheduler in enumerate(built if isinstance(built, list) else ()):
        if not isinstance(scheduler, dict):
            yield f'param_scheduler[{i}]' if listed else 'param_scheduler', scheduler


def check_cycle(runner: Runner, key: str, scheduler: Any) -> None:
    """Refuse a ``OneCycleLR`` that ends before or after the run.

    Its length stands in the config a second time and is easily forgotten when that of the run is
    changed. Cycles with a ``begin`` or ``end`` of their own are passed over.
    """
    cfg = runner.cfg.param_scheduler
    cfg = cfg[int(key[:-1].partition('[')[2])] if key.endswith(']') else cfg
    unit, steps = (('epochs', runner.max_epochs) if cfg.get('by_epoch', True)
                   else ('iterations', runner.max_iters))
    own_span = cfg.get('begin') or cfg.get('end')
    other_unit = (unit == 'iterations') != counts_iterations(runner)
    if cfg.get('total_steps') not in (None, steps) and not own_span and not other_unit:
        option = f'{key.replace("[", ".").replace("]", "")}.total_steps={steps}'
        raise config_error(f'{key}.total_steps', cfg.total_steps, f'the run has {steps} {unit}',
                           f'set it to {steps}, e.g. --cfg-options {option}')


def check_metrics(runner: Runner, metrics: dict[str, Any]) -> None:
    """Refuse names of metrics that the evaluator does not give."""
    wanted = [(f'{key}.save_best', name) for key, hook in hooks(runner)
              for name in getattr(hook, 'save_best', None) or () if name != 'auto']
    wanted += [(f'{key}.monitor', made.monitor) for key, made in [*hooks(runner),
                                                                  *schedulers(runner)]
               if isinstance(getattr(made, 'monitor', None), str)]
    for key, name in wanted if metrics else ():
        if name not in metrics:
            known = suggestion(name, metrics) or f'use one of {", ".join(sorted(metrics))}'
            raise config_error(key, name, 'the evaluator gives no metric of this name', known)


def _check_interval(key: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not value or value < least:
        never = '; -1 stands for never' if least < 0 else ''
        raise config_error(key, value, f'must be a whole number of at least 1{never}',
                           'use 1 for every step')
