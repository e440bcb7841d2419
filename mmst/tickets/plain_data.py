"""Turns configs into plain data, which load without unpickling anything."""
import os
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from torch import Tensor

from ..errors import config_error, shorten
from ..settings.kinds import build_lazy
from .names import dotted_name, is_kind, registered_name

#: Called with key and value of anything that is no plain data; gives the stored form.
Fallback = Callable[[str, Any], Any]


def as_plain_data(value: Any) -> Any:
    """Return settings as dicts, lists, tuples and scalars; other objects are described in
    words.

    Classes and functions become the names under which a registry finds them, or else their dotted
    names. Equal settings give equal data in every process.
    """
    return _as_data(value, '', lambda key, other: dotted_name(other))


def plain_model(cfg: Any) -> Any:
    """Return a model's config as data from which the registries build it again.

    Args:
        cfg (Mapping): The config; a ``type`` may be a name, a class or a function.

    Raises:
        ConfigError: It holds something that has no name; the message gives key, value and remedy.
    """
    return _as_data(cfg, 'model', _refuse)


def _as_data(value: Any, key: str, fallback: Fallback) -> Any:
    value = build_lazy(value)
    if isinstance(value, ConfigDict):
        value = dict(value.items())  # builds the parts that a lazy config has left for later
    if isinstance(value, Mapping):
        return {_as_key(name): _as_data(item, f'{key}.{name}', fallback)
                for name, item in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=repr)
    if isinstance(value, (list, tuple, range)):
        items = [_as_data(item, f'{key}[{i}]', fallback) for i, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if is_kind(value):
        return registered_name(value) or fallback(key, value)
    return _scalar(value, key, fallback)


def _scalar(value: Any, key: str, fallback: Fallback) -> Any:
    if isinstance(value, Enum):
        return _scalar(value.value, key, fallback)
    if isinstance(value, (np.ndarray, np.generic)):
        return _of_numpy(value, key, fallback)
    if value is None or isinstance(value, (bool, Tensor, torch.dtype, torch.device)):
        return value
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    # Subclasses (np.float64, TorchVersion) would need to be unpickled by name.
    kind = next((kind for kind in (int, float, str) if isinstance(value, kind)), None)
    return fallback(key, value) if kind is None else kind(value)


def _of_numpy(value: Any, key: str, fallback: Fallback) -> Any:
    """Return numbers and arrays of numpy as Python's; of objects and dates there is no such form.
    """
    if value.dtype.kind not in 'biufU':
        return fallback(key, value)
    return value.tolist()


def _as_key(name: Any) -> Any:
    if name is None or isinstance(name, bool):
        return name
    name = name.item() if isinstance(name, np.generic) else name
    kind = next((kind for kind in (int, float, str) if isinstance(name, kind)), str)
    return kind(name)


def _refuse(key: str, value: Any) -> Any:
    if is_kind(value):
        raise config_error(
            key, dotted_name(value), 'no registry holds it, so that no ticket can name it',
            'register it, e.g. @MODELS.register_module() of mmengine.registry above its '
            'definition, and give the class or its registered name')
    raise config_error(
        key, shorten(repr(value), 80), 'is no data that a ticket can hold',
        'give numbers, words, lists, or settings (dict(type=...)) of a registered class')
