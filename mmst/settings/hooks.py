"""Lists a config's hooks, wherever it names them."""
from collections.abc import Callable, Mapping
from typing import Any

from mmengine.config import Config

from .kinds import kind_name

#: Hooks that mmengine's Runner has of itself.
RUNNER_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')


def default_hooks(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Names to settings of ``default_hooks``; None for one that is switched off."""
    return dict(cfg.get('default_hooks') or {})


def custom_hooks(cfg: Mapping[str, Any]) -> list[Any]:
    """Return settings, or hooks that are built already, of ``custom_hooks``."""
    return list(cfg.get('custom_hooks') or ())


def listed_hooks(cfg: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return each hook's key, e.g. ``'custom_hooks[0]'``, and settings, in the config's order."""
    return [*((f'default_hooks.{name}', hook) for name, hook in default_hooks(cfg).items()),
            *((f'custom_hooks[{i}]', hook) for i, hook in enumerate(custom_hooks(cfg)))]


def hook_settings(cfg: Mapping[str, Any], name: str) -> Any:
    """Return settings of the config's hook of a class name, or None. They are the config's own."""
    return next((hook for _, hook in listed_hooks(cfg) if kind_name(hook) == name), None)


def remove_hooks(cfg: Config, unwanted: Callable[[Any], bool]) -> None:
    """Take hooks out of a config, in place.

    Args:
        cfg (Config): Of a run.
        unwanted (Callable): ``unwanted(settings)`` is true of hooks that are to go.
    """
    for name, hook in default_hooks(cfg).items():
        if unwanted(hook):
            del cfg.default_hooks[name]
    cfg.custom_hooks = [hook for hook in custom_hooks(cfg) if not unwanted(hook)]


def remove_switched_off(cfg: Config) -> None:
    """Take out hooks that are None, in place: mmengine does it for those of its own only."""
    for name, hook in default_hooks(cfg).items():
        if hook is None and name not in RUNNER_HOOKS:
            del cfg.default_hooks[name]
