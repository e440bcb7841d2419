"""Finds folders of a data set that nothing reads: data sets look their prefixes up by name."""
import inspect
import re
from collections.abc import Mapping
from typing import Any

from mmengine.registry import DATASETS

from ..errors import config_error
from .checks import suggestion
from .resolve import resolve

_READ = re.compile(r'data_prefix(?:\.get\(|\[)\s*[\'"](\w+)[\'"]')


def check_prefixes(parts: Mapping[str, Any]) -> None:
    """Refuse entries of ``data_prefix`` that the data set's class does not read.

    Args:
        parts (Mapping): Keys of a config to their values.

    Raises:
        ConfigError: Naming the entry.
    """
    for key, part in parts.items():
        given = part.get('data_prefix') if isinstance(part, Mapping) else None
        kind = resolve(DATASETS, part.get('type')) if isinstance(given, Mapping) else None
        if not isinstance(given, Mapping) or not inspect.isclass(kind):
            continue
        known = names_read(kind)
        for name in set(given) - set(known) if known else ():
            raise config_error(
                f'{key}.data_prefix.{name}', given[name], f'{kind.__name__} reads no such folder',
                suggestion(name, known) or f'use one of {", ".join(known)}, or remove it')


def names_read(kind: type) -> list[str]:
    """Return the names of folders that a class of data sets reads; none where that is not seen."""
    found: dict[str, None] = {}
    for part in kind.__mro__[:-1]:
        argument = inspect.signature(part).parameters.get('data_prefix')
        if argument is not None and isinstance(argument.default, Mapping):
            found.update(dict.fromkeys(argument.default))
        try:
            found.update(dict.fromkeys(_READ.findall(inspect.getsource(part))))
        except (OSError, TypeError):  # made by a program
            return []
    return list(found)
