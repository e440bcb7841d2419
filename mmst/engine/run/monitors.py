"""Checks that evaluations have the metrics that settings name."""
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from mmengine.hooks import CheckpointHook, EarlyStoppingHook, Hook
from mmengine.runner import Runner

from ...errors import config_error
from ...settings.checks import suggestion
from ...settings.hooks import listed_hooks
from ...settings.kinds import kind_name


def check_monitors(runner: Runner, known: Iterable[str]) -> None:
    """Refuse names that no evaluation gives.

    Args:
        runner (Runner): In training.
        known (Iterable[str]): The metrics of an evaluation, as they count at the target sparsity.

    Raises:
        ConfigError: Naming the key in the config, and metrics that there are.
    """
    known = list(known)
    for key, name in _find_monitored(runner):
        if name not in known:
            listed, meant = ', '.join(map(repr, known)), suggestion(name, known)
            raise config_error(key, name, 'evaluations give no metric of this name',
                               f'{meant} Use one of {listed}' if meant else f'use one of {listed}')


def plateau_schedulers(runner: Runner) -> list[Any]:
    """Return the parameter schedulers that look at a metric."""
    found = runner.param_schedulers or []
    listed = list(itertools.chain.from_iterable(found.values())) if isinstance(found,
                                                                               dict) else found
    return [scheduler for scheduler in listed if hasattr(scheduler, 'need_val_args')]


def _find_monitored(runner: Runner) -> Iterator[tuple[str, str]]:
    """Yield keys in the config, and the metrics that they name."""
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
    """Return the config's key of a hook; its class if the key is unknown."""
    name = type(hook).__name__
    return next((key for key, settings in listed_hooks(runner.cfg)
                 if isinstance(settings, dict) and kind_name(settings) == name), name)
