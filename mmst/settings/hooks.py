"""Lists a config's hooks, wherever it names them."""
from collections.abc import Mapping
from typing import Any

from .kinds import kind_name

#: Hooks that mmengine's Runner has of itself.
RUNNER_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')


def default_hooks(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Return names and settings of ``default_hooks``; None for a hook that is switched off."""
    return dict(cfg.get('default_hooks') or {})


def custom_hooks(cfg: Mapping[str, Any]) -> list[Any]:
    """Return settings, or hooks that are built already, of ``custom_hooks``."""
    return list(cfg.get('custom_hooks') or ())


def listed_hooks(cfg: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return each hook's key, e.g. ``'custom_hooks[0]'``, and settings, in the config's order."""
    return [*((f'default_hooks.{name}', hook) for name, hook in default_hooks(cfg).items()),
            *((f'custom_hooks[{i}]', hook) for i, hook in enumerate(custom_hooks(cfg)))]


def hook_settings(cfg: Mapping[str, Any], name: str) -> Any:
    """Return settings of the config's hook of a class name, or None; they are the config's own."""
    return next((hook for _, hook in listed_hooks(cfg) if kind_name(hook) == name), None)
