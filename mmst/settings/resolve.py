"""Resolves the names of classes in a config."""
import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mmengine.registry import DefaultScope, Registry

from .checks import suggestion


def resolve(registry: Registry, kind: str | type | None) -> Any | None:
    """Return the class that ``type=kind`` of a config names, looked up as ``registry.build`` does.

    ``Registry.get`` alone passes the toolbox of ``default_scope`` over.

    Args:
        registry (Registry): A registry of mmengine.
        kind (str | type, optional): Classes are given back as they are.

    Returns:
        The class or function; None for unknown names.
    """
    if not isinstance(kind, str):
        return kind
    with toolbox_registry(registry) as found:
        return found.get(kind)


@contextmanager
def toolbox_registry(registry: Registry) -> Iterator[Registry]:
    """Yield the toolbox's registry of the same kind, where ``default_scope`` has one.

    mmengine warns of those that have none, e.g. of functions, which is no fault of the config.
    """
    scope = DefaultScope.get_current_instance()
    root = registry
    while root.parent is not None:
        root = root.parent
    if scope is not None:
        with suppress(ImportError, AttributeError):
            importlib.import_module(f'{scope.scope_name}.registry')
    if scope is not None and scope.scope_name not in (root.scope, *root.children):
        yield registry
    else:
        with registry.switch_scope_and_registry(None) as found:
            yield found


def other_name(name: str, registry: Registry) -> str:
    """Return a name to write instead; those of other packages have their scope."""
    root = registry
    while root.parent is not None:
        root = root.parent
    known = [word for tree in (registry, registry.parent or root, root)
             for word in tree.module_dict]
    known += [f'{tree.scope}.{word}' for tree in (root, *root.children.values())
              for word in tree.module_dict]
    return suggestion(name, known) or ('correct the name, or import the module that registers it '
                                       '(custom_imports)')
