"""Checks settings that raise nowhere, or only in the middle of a run."""
import inspect
import re
import sys
from collections.abc import Iterable
from typing import Any

from mmengine.dataset import InfiniteSampler
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.optim import OptimWrapperDict
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.runner import Runner, TestLoop

from ...errors import config_error
from ...settings.checks import check_number, suggestion
from ...settings.resolve import resolve
from ..hooks.interval_hook import IntervalHook, check_interval, counts_iterations, max_steps
from ..run.writable import check_can_be_made
from .places import Places

#: Steps of a schedule that are tried: seconds.
MOST = 500_000
#: Settings that count something, and are used only in the middle of a run.
_COUNTS = re.compile(
    r'log_processor\.window_size|train_cfg\.(val_interval|dynamic_intervals\[\d+\]\[1\])'
    r'|optim_wrapper\.accumulative_counts|\w+_hooks\S*\.(interval|max_keep_ckpts)')


def check_numbers(runner: Runner, places: Places) -> None:
    """Refuse intervals and counts that are no whole numbers, and beginnings after the run's end."""
    bounds = dict(begin_epoch=runner.max_epochs, begin_iter=runner.max_iters, patience=None,
                  val_begin=max_steps(runner) + 1)
    for key, value in places.parts.items():
        name = key.rpartition('.')[2]
        if _COUNTS.fullmatch(key) and (value != -1 or '_hooks' not in key):  # -1: never, or all
            check_interval(key, value, 'use 1')
        elif name in bounds and re.match(r'train_cfg|\w+_hooks', key):
            check_number(key, value, low=0, below=bounds[name], remedy='use 0')
        elif re.fullmatch(r'optim_wrapper\.clip_grad\.(max_norm|clip_value)', key):
            check_number(key, value, above=0, remedy='use 1.0')


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
        if isinstance(hook, IntervalHook) and hook.priority != type(hook).priority:
            raise config_error(f'{key}.priority', hook.priority, 'search, pruning and what follows '
                               'them act in an order of their own', 'remove it')
        kind = EMAHook if isinstance(hook, EMAHook) else type(hook)
        if kind in found and issubclass(kind, (EMAHook, IntervalHook)):
            raise config_error(f'{key}.type', kind.__name__, f'{found[kind]} is one already, and '
                               'both would act', f'change {found[kind]}, or remove one of them')
        found[kind] = key
        if isinstance(hook, CheckpointHook) and hook.by_epoch and counts_iterations(runner):
            raise config_error(f'{key}.by_epoch', True, 'the run counts iterations, so there would '
                               'be nothing to resume from until its end',
                               f'set {key}.by_epoch=False; its interval then counts iterations')
        if isinstance(folder := getattr(hook, 'out_dir', None), str) and '://' not in folder:
            check_can_be_made(f'{key}.out_dir', folder)


def check_rules(runner: Runner) -> None:
    """Refuse rules for parameters that nothing reads; of several optimizers nothing is known."""
    cfg = runner.cfg.optim_wrapper
    if isinstance(runner.optim_wrapper, OptimWrapperDict):
        return
    kind = resolve(OPTIM_WRAPPER_CONSTRUCTORS,
                   cfg.get('constructor', 'DefaultOptimWrapperConstructor'))
    rules, key = cfg.get('paramwise_cfg') or {}, 'optim_wrapper.paramwise_cfg'
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
            length = runner.max_epochs if schedule.by_epoch else runner.max_iters
            for _ in range(min(length, MOST)):
                schedule.step()


def check_metrics(runner: Runner, places: Places, metrics: dict[str, Any]) -> None:
    """Refuse names of metrics that the evaluator does not give, and loops that tell no hook."""
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
