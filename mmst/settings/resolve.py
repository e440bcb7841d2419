"""Resolves the names of classes in a config."""
from typing import Any

from mmengine.registry import Registry


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
    with registry.switch_scope_and_registry(None) as scoped:
        return scoped.get(kind)
