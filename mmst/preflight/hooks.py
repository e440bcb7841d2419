"""Do the settings of search and prune make sense, alone and in this run?"""
import inspect
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Tuple

from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.optim import OptimWrapperDict
from mmengine.registry import HOOKS, MODELS, OPTIM_WRAPPERS
from torch import nn

from ..engine.hooks.interval_hook import IntervalHook
from ..engine.plan import RunPlan
from ..errors import ConfigError, config_error
from ..registry import HOOKS as OWN_HOOKS
from .length import run_length
from .resolve import resolve


def check_hooks(cfg: Config, model: nn.Module) -> None:
    """Build the hooks of this project as the run will, and let them check the run.

    Args:
        cfg (Config): The whole config.
        model (nn.Module): Built from ``cfg.model``.

    Raises:
        ConfigError: Naming the key in the config, e.g. ``default_hooks.prune.interval``.
    """
    steps, unit = run_length(cfg)
    hooks = {key: _build(key, kind, settings) for key, kind, settings in _settings(cfg)}
    averages = [MODELS.build(hook.ema_cfg, default_args=dict(model=model))
                for hook in hooks.values() if isinstance(hook, EMAHook)]
    plan = RunPlan(steps, unit, _wrapper(cfg), list(hooks.values()), model,
                   averages[0] if averages else None, cfg)
    names = {type(hook).__name__: key for key, hook in hooks.items()}
    for hook in hooks.values():
        if isinstance(hook, IntervalHook):
            with _named_as_in_config(names):
                hook.check_plan(plan)


def _settings(cfg: Config) -> Iterator[Tuple[str, type, Dict[str, Any]]]:
    """Key, class and settings of the hooks that are to be built: this project's and the EMA."""
    listed = [(f'default_hooks.{name}', hook)
              for name, hook in (cfg.get('default_hooks') or {}).items()]
    listed += [(f'custom_hooks[{i}]', hook) for i, hook in enumerate(cfg.get('custom_hooks') or ())]
    for key, hook in listed:
        if hook is None or isinstance(hook, Hook):
            continue
        kind = hook.get('type') if isinstance(hook, dict) else None
        if kind is None:
            raise config_error(key, hook, 'no hook (it has no type)',
                               f'correct its name: the config has {_names(cfg)}')
        found = resolve(HOOKS, kind)
        if found is None:
            own = ', '.join(f'mmst.{name}' for name in sorted(OWN_HOOKS.module_dict))
            raise config_error(f'{key}.type', kind, 'unknown hook',
                               f'correct the name; this project has {own}')
        if inspect.isclass(found) and issubclass(found, (IntervalHook, EMAHook)):
            yield key, found, hook


def _names(cfg: Config) -> str:
    return ', '.join(f'default_hooks.{name}' for name, hook in cfg.default_hooks.items()
                     if isinstance(hook, dict) and 'type' in hook) or 'no hooks'


def _build(key: str, kind: type, settings: Dict[str, Any]) -> Hook:
    known = inspect.signature(kind.__init__).parameters
    given = set(settings) - {'type', 'priority', '_scope_'}
    free = any(p.kind is p.VAR_KEYWORD for p in known.values())
    for name in sorted(given - set(known)) if not free else ():
        raise config_error(f'{key}.{name}', settings[name], f'{kind.__name__} has no such setting',
                           f'use one of {", ".join(sorted(set(known) - {"self"}))}')
    for name, parameter in known.items():
        plain = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        if plain and parameter.default is parameter.empty and name not in given | {'self'}:
            raise config_error(f'{key}.{name}', None, f'{kind.__name__} needs it',
                               f'set {key}.{name}')
    with _named_as_in_config({kind.__name__: key}):
        return HOOKS.build({name: v for name, v in settings.items() if name != 'priority'})


@contextmanager
def _named_as_in_config(names: Dict[str, str]) -> Iterator[None]:
    """Let errors about ``PruneHook.interval`` name ``default_hooks.prune.interval``."""
    try:
        yield
    except ConfigError as error:
        message = str(error)
        name, dot, rest = message.partition('.')
        if name in names:
            message = f'{names[name]}{dot}{rest}'
        raise type(error)(message) from None


def _wrapper(cfg: Config) -> type:
    settings = cfg.optim_wrapper
    if 'optimizer' not in settings and any(isinstance(v, dict) for v in settings.values()):
        return OptimWrapperDict  # what the config's own constructor makes of them
    kind = settings.get('type', 'OptimWrapper')
    found = resolve(OPTIM_WRAPPERS, kind)
    if found is None:
        raise config_error('optim_wrapper.type', kind, 'unknown optimizer wrapper',
                           'use mmst.MaskedOptimWrapper or mmst.MaskedAmpOptimWrapper')
    return found
