"""Finds the names under which mmengine's registries have classes and functions."""
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import mmcv.cnn  # noqa: F401  registers torch's layers, which a config may name by their classes
from mmengine.registry import Registry

#: Packages whose classes are there as soon as they are installed.
TOOLBOXES = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'mmpose', 'mmdet', 'mmst')


def registries() -> Iterator[Registry]:
    """Yield all registries of the modules that are imported, those of the toolboxes first."""
    found = {id(value): value for module in list(sys.modules.values())
             for value in list(getattr(module, '__dict__', {}).values())
             if issubclass(type(value), Registry)}  # isinstance would wake lazy proxies
    yield from sorted(found.values(), key=lambda registry: registry.scope not in TOOLBOXES)


def registered_name(kind: Any) -> str | None:
    """Return ``'scope.Name'`` of a class or function; None where no registry holds it.

    The scope makes the name hold under every ``default_scope``.
    """
    return next((f'{registry.scope}.{name}' for registry in registries()
                 for name, value in registry.module_dict.items() if value is kind), None)


def dotted_name(kind: Any) -> str:
    """Return ``'package.file.Name'`` of a class, a function or of an object's class; same in each
    run.
    """
    named = kind if hasattr(kind, '__qualname__') else type(kind)
    name = f'{named.__module__}.{named.__qualname__}'
    return name if named is kind else f'an object of {name}'


def is_kind(value: Any) -> bool:
    """Return whether ``value`` is a class or a function, which a config may have as a ``type``."""
    return inspect.isclass(value) or inspect.isroutine(value)
