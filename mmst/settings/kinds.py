"""Finds the class that settings of a config ask for, however they name it.

``type`` may be a name (``'mmst.PruneHook'``), a dotted path, or the class or function itself, as
in mmengine's configs of the lazy style.
"""
import functools
from collections.abc import Mapping
from typing import Any

from mmengine.config.lazy import LazyAttr, LazyObject


def build_lazy(value: Any) -> Any:
    """Return the object that a lazy config means by ``value``; anything else as it is."""
    return value.build() if isinstance(value, (LazyObject, LazyAttr)) else value


def kind_name(settings: Any) -> str:
    """Return the name of the class that is asked for, without scope or package.

    Args:
        settings (Any): Settings with a ``type``, or an object that is built already.
    """
    kind = build_lazy(settings.get('type')) if isinstance(settings, Mapping) else type(settings)
    if isinstance(kind, functools.partial):
        kind = kind.func
    # Tickets of former versions hold classes as "<class 'package.file.Class'>".
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2].rstrip('\'>')
