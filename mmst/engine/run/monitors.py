"""Settings that name a metric: do evaluations have it?"""
import difflib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import Runner

from ...errors import config_error


def check_monitors(runner: Runner, known: Iterable[str]) -> None:
    """Refuse names that no evaluation gives.

    Args:
        runner (Runner): In training.
        known (Iterable[str]): The metrics of an evaluation, as they count at the target sparsity.

    Raises:
        ConfigError: Naming the key in the config, and metrics that there are.
    """
    known = list(known)
    for key, name in _monitored(runner):
        if name not in known:
            close = difflib.get_close_matches(name.lower(), [k.lower() for k in known], 1)
            close = [k for k in known if k.lower() in close][:1]
            meant = f'did you mean {close[0]!r}? ' if close else ''
            raise config_error(key, name, 'evaluations give no metric of this name',
                               f'{meant}use one of {", ".join(map(repr, known))}')


def plateau_schedulers(runner: Runner) -> list[Any]:
    """Parameter schedulers that look at a metric."""
    found = runner.param_schedulers or []
    listed = list(itertools.chain.from_iterable(found.values())) if isinstance(found,
                                                                               dict) else found
    return [scheduler for scheduler in listed if hasattr(scheduler, 'need_val_args')]


def _monitored(runner: Runner) -> Iterator[tuple[str, str]]:
    """Keys in the config, and the metrics that they name."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.save_best:
            names = [hook.save_best] if isinstance(hook.save_best, str) else hook.save_best
            for name in names:
                if name != 'auto':
                    yield f'{_key(runner, hook)}.save_best', name
        elif isinstance(hook, EarlyStoppingHook):
            yield f'{_key(runner, hook)}.monitor', hook.monitor
    for scheduler in plateau_schedulers(runner):
        yield 'param_scheduler.monitor', scheduler.monitor


def _key(runner: Runner, hook: Hook) -> str:
    """Where the config has a hook; its class where that cannot be told."""
    listed = [(f'default_hooks.{name}', settings)
              for name, settings in (runner.cfg.get('default_hooks') or {}).items()]
    listed += [(f'custom_hooks[{i}]', settings)
               for i, settings in enumerate(runner.cfg.get('custom_hooks') or ())]
    name = type(hook).__name__
    return next((key for key, settings in listed if isinstance(settings, dict)
                 and _last_name(settings.get('type')) == name), name)


def _last_name(kind: Any) -> str:
    return getattr(kind, '__name__', str(kind)).rpartition('.')[2]
