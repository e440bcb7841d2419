"""Puts names in the place of classes in a config of mmengine's plain style."""
import sys
from typing import Any

from mmengine.config import Config

from ...errors import config_error
from ...openmmlab.internals import raw_settings
from ...settings.parts import join
from ...tickets.names import dotted_name, is_kind, registered_name


def name_classes(cfg: Config) -> Config:
    """Let a config name the classes and functions that it holds; what it has imported goes.

    mmengine writes each run's config as text, and classes have such a form only in its lazy style,
    which keeps none of them here.

    Args:
        cfg (Config): As it was read; it is changed.

    Raises:
        ConfigError: A class is defined in the config itself.
    """
    settings = raw_settings(cfg)
    for name, value in list(dict.items(settings)):
        if is_kind(value):
            del settings[name]
    _put_names(settings, '')
    return cfg


def _put_names(value: Any, key: str) -> Any:
    """Return a value with names in the place of classes; dicts and lists are changed."""
    if isinstance(value, dict):
        for name, item in list(dict.items(value)):  # lazy parts stay as they are
            dict.__setitem__(value, name, _put_names(item, join(key, str(name))))
    elif isinstance(value, list):
        value[:] = [_put_names(item, f'{key}[{i}]') for i, item in enumerate(value)]
    elif type(value) is tuple:
        return tuple(_put_names(item, f'{key}[{i}]') for i, item in enumerate(value))
    return _name(value, key) if is_kind(value) else value


def _name(kind: Any, key: str) -> str:
    found: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split('.'):
        found = getattr(found, part, None)
    if found is not kind:
        raise config_error(key, kind.__qualname__, 'it is defined where nothing can import it',
                           'put it into a module, and name that in custom_imports')
    return registered_name(kind) or dotted_name(kind)
