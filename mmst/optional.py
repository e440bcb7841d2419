"""Imports packages that only some tools need, and modules that only some systems have."""
from importlib import import_module
from types import ModuleType

from .errors import ConfigError


def if_there(module: str) -> ModuleType | None:
    """Import a module of Python's own; return None on systems that lack it."""
    try:
        return import_module(module)
    except ImportError:
        return None


def need(module: str, why: str, install: str | None = None) -> ModuleType:
    """Import an optional package.

    Raises:
        ConfigError: It is not installed; the message has the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError:
        package = install or module.partition('.')[0]
        raise ConfigError(f'{why} needs {module}, which is not installed. Remedy: pip install '
                          f'{package}.') from None
