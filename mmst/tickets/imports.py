"""Lists modules of the user's own classes, which a ticket needs imported before it is built.

A ticket holds their names, as words for a message. Nothing that a file names is ever imported; that
is the user's act (``import MODULE``, or ``--import MODULE`` of the tools).
"""
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from ..registry import UNIT_ADAPTERS
from .names import TOOLBOXES, registries

#: Of names read from a file: so many, and so long, are shown.
_MOST, _LONGEST = 5, 80
#: Where a class lies that a script or a notebook defines itself.
SCRIPT = '__main__'


def listed_imports(cfg: Mapping[str, Any]) -> list[str]:
    """Return the modules of a config's ``custom_imports``, besides this project."""
    listed = (cfg.get('custom_imports') or {}).get('imports') or ()
    listed = [listed] if isinstance(listed, str) else listed
    return [name for name in listed if name.partition('.')[0] != 'mmst']


def needed_imports(model: nn.Module, settings: Any, listed: Sequence[str] = ()) -> list[str]:
    """Return modules other than the toolboxes that a ticket of ``model`` needs.

    Args:
        model (nn.Module): The network.
        settings (Mapping): Its config as plain data.
        listed (Sequence[str]): Those that are known already, e.g. from the config.
    """
    found = list(listed)
    for module in [*_definers(settings), *_adapters(model)]:
        if module.partition('.')[0] not in (*TOOLBOXES, 'torch', 'torchvision', 'builtins'):
            found.append(module)
    return list(dict.fromkeys(found))


def missing_imports(meta: Mapping[str, Any]) -> list[str]:
    """Return the modules that a ticket's ``meta`` lists and nobody has imported here."""
    listed = meta.get('imports')
    names = listed if isinstance(listed, (list, tuple)) else ()
    return [name for name in names[:_MOST]
            if _is_name(name) and (name == SCRIPT or name not in sys.modules)]


def how_to_import(names: Sequence[str]) -> str:
    """Return the remedy that names them."""
    modules = [name for name in names if name != SCRIPT]
    if not modules:
        return ('define its classes as the script did that trained it, best in a module of their '
                'own that you import first')
    tools = ' '.join(f'--import {name}' for name in modules)
    return f'import {", ".join(modules)} first (the tools take {tools})'


def _is_name(name: Any) -> bool:
    return (isinstance(name, str) and len(name) <= _LONGEST
            and re.fullmatch(r'[A-Za-z_]\w*(\.[A-Za-z_]\w*)*', name) is not None)


def _definers(settings: Any) -> Iterator[str]:
    """Yield modules of the registered classes that settings name, under any key."""
    kinds = set(_kinds(settings))
    for registry in registries():
        for name, value in registry.module_dict.items():
            if name in kinds or f'{registry.scope}.{name}' in kinds:
                yield getattr(value, '__module__', None) or ''


def _kinds(settings: Any) -> Iterator[str]:
    """Yield all words in settings: networks look up others than ``type``, too
    (``layer='OwnBlock'``).
    """
    if isinstance(settings, str):
        yield settings
    if isinstance(settings, Mapping):
        settings = list(settings.values())
    if isinstance(settings, (list, tuple)):
        for item in settings:
            yield from _kinds(item)


def _adapters(model: nn.Module) -> Iterator[str]:
    for module in model.modules():
        adapter = UNIT_ADAPTERS.module_dict.get(
            f'{type(module).__module__}.{type(module).__qualname__}')
        if adapter is not None:
            yield adapter.__module__
