"""Checks settings that raise nowhere, or only in the middle of a run."""
import inspect
import math
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import chain
from typing import Any

import torch
from mmengine.dataset import InfiniteSampler
from mmengine.hooks import CheckpointHook, EMAHook, Hook, ParamSchedulerHook
from mmengine.optim import OptimWrapperDict
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.runner import Runner, TestLoop
from torch import Tensor

from ...errors import config_error
from ...openmmlab.internals import jump
from ...settings.checks import as_number, check_flag, check_number, suggestion
from ...settings.resolve import resolve
from ..explain import Places
from ..hooks.interval_hook import IntervalHook
from ..run.steps import counts_iterations, max_steps
from ..run.stretched_schedulers import as_list
from ..run.writable import check_can_be_made

#: Steps of a schedule that are tried: seconds; and of a longer one's end.
MOST, LAST = 500_000, 10_000
#: A learning rate above this is a slip of the pen: the largest in use, of LARS, are about 30.
RATE = 1e3
#: The most that a schedule may give; none gives less than 0.
_LIMITS = dict(lr=RATE, momentum=1., weight_decay=RATE)

#: Values that stand for something else than their number: never, all, the maximum, automatic.
_NO_NUMBER = dict(interval=(-1, ), max_keep_ckpts=(-1, ), norm_type=(math.inf, 'inf'), lr=(None, ))


def check_bounds(runner: Runner, places: Places) -> None:
    """Refuse numbers that make no sense: intervals below 1, beginnings after the run's end, …"""
    epochs, iterations, hooks = runner.max_epochs, runner.max_iters, r'\w+_hooks\S*'
    end = r'(train_cfg|\w+_hooks\S*)'
    bounds: dict[str, tuple[str, dict[str, Any]]] = {
        r'log_processor\.window_size|train_cfg\.(val_interval|dynamic_intervals\[\d+\]\[1\])':
            ('use 1', dict(low=1, whole=True)),
        rf'{hooks}\.(interval|max_keep_ckpts)': ('use 1', dict(low=1, whole=True)),
        r'optim_wrapper\.accumulative_counts': ('use 1', dict(low=1, high=iterations, whole=True)),
        rf'{end}\.begin_epoch': ('use 0', dict(low=0, below=epochs)),
        rf'{end}\.begin_iter': ('use 0', dict(low=0, below=iterations)),
        rf'{end}\.val_begin': ('use 0', dict(low=0, high=max_steps(runner))),
        rf'{hooks}\.patience': ('use 0', dict(low=0)),
        r'optim_wrapper\.clip_grad\.(max_norm|clip_value|norm_type)': ('use 1.0', dict(above=0)),
        r'optim_wrapper\.optimizer\.(momentum|dampening|alpha)': ('use 0.9', dict(low=0, high=1)),
        r'optim_wrapper\.paramwise_cfg\.\S*_mult': ('correct {key}, e.g. to 0.1',
                                                   dict(low=0, high=RATE)),
        r'optim_wrapper\.optimizer\.eps': ('use 1e-8', dict(low=0, high=1)),
        r'optim_wrapper\.optimizer\.lr': ('correct {key}, e.g. to 1e-3', dict(low=0, high=RATE))}
    for key, value in places.parts.items():
        name = key.rpartition('.')[2]
        others = [value] if name == 'eps' and isinstance(value, (list, tuple)) else _NO_NUMBER.get(
            name, ())  # Adafactor has two
        for pattern, (remedy, limits) in bounds.items():
            if re.fullmatch(pattern, key) and value not in others:
                check_number(key, value, remedy=remedy.format(key=key), **limits)


def check_loop(runner: Runner) -> None:
    """Refuse epochs without an end."""
    if not counts_iterations(runner) and isinstance(runner.train_dataloader.sampler,
                                                    InfiniteSampler):
        raise config_error('train_dataloader.sampler.type', 'InfiniteSampler', 'its epochs have no '
                           'end', 'use DefaultSampler, or train_cfg.type=IterBasedTrainLoop')


def check_hooks(runner: Runner, places: Places) -> None:
    """Refuse hooks that never act, act twice, count other steps than the run, or cannot write."""
    found: dict[Any, str] = {}
    for key, hook in _with_keys(runner.hooks, places):
        _check_order(key, hook, runner)
        kind = EMAHook if isinstance(hook, EMAHook) else type(hook)
        if kind in found and issubclass(kind, (EMAHook, IntervalHook)):
            raise config_error(f'{key}.type', kind.__name__, f'{found[kind]} is one already, and '
                               'both would act', f'change {found[kind]}, or remove one of them')
        found[kind] = key
        if isinstance(hook, CheckpointHook):
            _check_checkpoints(runner, key, hook)
        if isinstance(folder := getattr(hook, 'out_dir', None), str) and '://' not in folder:
            check_can_be_made(f'{key}.out_dir', folder)


def _check_order(key: str, hook: Hook, runner: Runner) -> None:
    """Refuse priorities by which hooks would act before what they need."""
    hooks = runner.hooks
    steps = [i for i, other in enumerate(hooks) if isinstance(other, IntervalHook)]
    place = next(i for i, other in enumerate(hooks) if other is hook)
    own = any(kind.__module__.startswith('mmst.') for kind in type(hook).__mro__)
    if hook.priority == type(hook).priority:
        return
    if own:
        problem = 'search, pruning and hooks after them act in an order of their own'
    elif isinstance(hook, EMAHook) and steps and place > steps[0]:
        problem = 'it would act after search and pruning, which need its average'
    elif isinstance(hook, CheckpointHook) and steps and place < steps[-1]:
        problem = ('it would save before search and pruning of the step, and a resumed run would '
                   'pass them over')
    elif isinstance(hook, ParamSchedulerHook) and any(
            isinstance(other, CheckpointHook) for other in hooks[:place]) and any(
                schedule.by_epoch for schedule in as_list(runner.param_schedulers)):
        problem = 'it would act after a checkpoint, and a resumed run would be a step behind'
    else:
        return
    raise config_error(f'{key}.priority', hook.priority, problem, 'remove it')


def _check_checkpoints(runner: Runner, key: str, hook: CheckpointHook) -> None:
    """Refuse checkpoints that are never written, or overwrite each other."""
    if hook.by_epoch and counts_iterations(runner):
        raise config_error(f'{key}.by_epoch', True, 'the run counts iterations, so there would '
                           'be nothing to resume from until its end',
                           f'set {key}.by_epoch=False; its interval then counts iterations')
    for name in ('save_optimizer', 'save_param_scheduler'):
        if not check_flag(f'{key}.{name}', getattr(hook, name)):
            raise config_error(f'{key}.{name}', False, 'no run could go on from such checkpoints',
                               'remove it; mmst share and ticket.pth have the weights alone')
    check_number(f'{key}.save_begin', hook.save_begin, low=0, whole=True, remedy='use 0',
                 below=runner.max_epochs if hook.by_epoch else runner.max_iters)
    try:
        name = hook.filename_tmpl.format(12)
    except (LookupError, ValueError, AttributeError):
        name = ''
    if not re.fullmatch(r'[^/\\]*\b12\.pth', name.replace('_', '-')):
        raise config_error(f'{key}.filename_tmpl', hook.filename_tmpl, 'the run finds no '
                           'checkpoint of such a name again', "use e.g. 'epoch_{}.pth'")
    for name in set(hook.args) - set(inspect.signature(runner.save_checkpoint).parameters):
        known = inspect.signature(CheckpointHook.__init__).parameters
        raise config_error(f'{key}.{name}', hook.args[name], 'nothing reads it',
                           suggestion(name, known) or 'remove it')


def check_rules(runner: Runner) -> None:
    """Refuse rules for parameters that nothing reads; of several optimizers nothing is known."""
    cfg = runner.cfg.optim_wrapper
    if isinstance(runner.optim_wrapper, OptimWrapperDict):
        return
    kind = resolve(OPTIM_WRAPPER_CONSTRUCTORS,
                   cfg.get('constructor', 'DefaultOptimWrapperConstructor'))
    if not isinstance(kind, type):
        return
    if cfg.optimizer.get('maximize'):
        raise config_error('optim_wrapper.optimizer.maximize', True, 'the loss would grow',
                           'remove it')
    rules, key = cfg.get('paramwise_cfg') or {}, 'optim_wrapper.paramwise_cfg'
    check_flag(f'{key}.bypass_duplicate', rules.get('bypass_duplicate', False))
    weights = [name for name, _ in runner.model.named_parameters()]
    modules = {part for name in weights for part in name.split('.')}
    for name in rules.get('custom_keys') or ():
        # Configs name parts that only other networks of their family have.
        near = get_close_matches(name, modules, n=1, cutoff=0.8)
        if near and not any(name in weight for weight in weights):
            raise config_error(f'{key}.custom_keys.{name}', rules['custom_keys'][name],
                               'no parameter has this in its name', f'did you mean {near[0]!r}?')
    sources = [inspect.getsource(sys.modules[base.__module__]) for base in kind.__mro__[:-1]]
    known = {word for source in sources for word in re.findall(r'[\'"](\w+)[\'"]', source)}
    groups = [(f'{key}.custom_keys.{name}', part)
              for name, part in (rules.get('custom_keys') or {}).items()]
    for place, part in [(key, rules), *groups]:
        for name in set(part) - known - set(runner.optim_wrapper.optimizer.defaults):
            likely = suggestion(name, [word for word in known if '_' in word])
            raise config_error(f'{place}.{name}', part[name],
                               f'{kind.__name__} knows no such rule', likely or 'remove it')


def check_schedules(runner: Runner, places: Places) -> None:
    """Step each schedule as often as the run will; refuse a cycle of another length than the run.

    Its length stands in the config a second time and is easily forgotten when that of the run is
    changed. Cycles with a ``begin`` or ``end`` of their own are passed over.
    """
    for key, schedule in _with_keys(runner.param_schedulers, places):
        cfg = places.parts[key]
        unit, steps = (('epochs', runner.max_epochs) if cfg.get('by_epoch', True)
                       else ('iterations', runner.max_iters))
        own_span = cfg.get('begin') or cfg.get('end')
        other_unit = (unit == 'iterations') != counts_iterations(runner)
        if cfg.get('total_steps') not in (None, steps) and not own_span and not other_unit:
            option = f'{key.replace("[", ".").replace("]", "")}.total_steps={steps}'
            raise config_error(f'{key}.total_steps', cfg.total_steps, f'the run has {steps} {unit}',
                               f'set it to {steps}, e.g. --cfg-options {option}')
        if getattr(schedule, 'need_val_args', False):
            if runner.val_loop is None:
                raise config_error(key, cfg.type, 'nothing is evaluated, so it would never act',
                                   'set val_dataloader, val_cfg and val_evaluator, or use another')
        else:
            step_through(key, schedule, runner.max_epochs if schedule.by_epoch
                          else runner.max_iters)


def step_through(key: str, schedule: Any, length: int) -> None:
    """Step a schedule to the end of the run; refuse values that no training goes on with.

    Of a schedule that is longer than can be tried in seconds, the middle is left out. Learning
    rates are left at their highest.
    """
    name, groups = schedule.param_name, schedule.optimizer.param_groups
    most = [group[name] for group in groups]
    for step in chain(range(min(length, MOST)), range(max(MOST, length - LAST), length)):
        if step == length - LAST:
            jump(schedule, step)
        schedule.step()
        for i, group in enumerate(groups) if name in _LIMITS else ():
            if not 0 <= group[name] <= _LIMITS[name]:
                check_number(f'{key}: {name} in step {step + 1}', group[name], low=0,
                             high=_LIMITS[name], remedy=f'correct the settings of {key}')
            most[i] = max(most[i], group[name])
    for group, value in zip(groups, most, strict=True) if name == 'lr' else ():
        group[name] = value


def check_loss(loss: Any) -> None:
    """Refuse a loss of the first batch that is no number.

    Raises:
        ConfigError: Naming the model.
    """
    if isinstance(loss, Tensor) and not loss.isfinite().all():
        raise config_error('model', 'its loss', f'is {float(loss.sum())} in the first step',
                           'correct what it is computed from, e.g. model.data_preprocessor.std, '
                           "the images, or the loss's settings")


def check_update(places: Places, before: list[Tensor], after: list[Tensor], sure: bool) -> None:
    """Refuse a step at the highest rate that moves the weights far away, or not at all.

    Args:
        places (Places): Of the whole config.
        before, after (List[Tensor]): The trained weights.
        sure (bool): Whether the step was taken, with gradients.

    Raises:
        ConfigError: Naming a setting of the optimizer.
    """
    changes = [new.detach() - old for new, old in zip(after, before, strict=True)]
    size, change = (math.hypot(*map(float, torch._foreach_norm(some)))
                    for some in (before, changes))
    if sure and change < 1e-12 * size:
        rate = places.parts.get('optim_wrapper.optimizer.lr')
        raise config_error('optim_wrapper.optimizer.lr', rate, 'a step at the highest learning '
                           'rate of the run changes no weight', 'use e.g. 1e-3')
    if not change < RATE * max(size, 1.):
        numbers = {key: number for key, value in places.parts.items() if re.fullmatch(
            r'optim_wrapper\.optimizer\.\w+', key) and (number := as_number(value)) is not None}
        key = max(numbers, key=numbers.__getitem__, default='optim_wrapper.optimizer')
        raise config_error(key, numbers.get(key), 'the first step at the highest learning rate '
                           f'changes the weights by {change:.1e}, and their size is {size:.1e}',
                           'use smaller numbers, e.g. lr=1e-3, weight_decay=1e-2')


def check_metrics(runner: Runner, places: Places, metrics: dict[str, Any]) -> None:
    """Refuse names of metrics that the evaluator does not give, and loops that call no hook."""
    if isinstance(runner.val_loop, TestLoop):
        raise config_error('val_cfg.type', 'TestLoop', 'hooks that wait for an evaluation would '
                           'not be called', "use 'ValLoop'")
    watchers = _with_keys([*runner.hooks, *(runner.param_schedulers or ())], places)
    for key, watcher in watchers if metrics else ():
        wanted = [('save_best', name) for name in getattr(watcher, 'save_best', None) or ()]
        wanted.append(('monitor', getattr(watcher, 'monitor', None)))
        for setting, name in wanted:
            if isinstance(name, str) and name not in (*metrics, 'auto'):
                known = suggestion(name, metrics) or f'use one of {", ".join(sorted(metrics))}'
                raise config_error(f'{key}.{setting}', name,
                                   'the evaluator gives no metric of this name', known)


def _with_keys(made: Iterable[Any] | None, places: Places) -> list[tuple[str, Any]]:
    """Return the objects that come from the config, with their keys there."""
    return [(key, item) for item in made or () if (key := places.of(item)) is not None]
