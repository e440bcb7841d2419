"""Writes plain data as JSON and reads it back without loss.

JSON knows neither tuples nor infinite numbers, only texts as keys, and no tensors: these become
objects of one key ``'$'``, the name of the kind, and their parts.
"""
from typing import Any

import torch
from torch import Tensor

_KIND = '$'


def to_json(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return the text that ``json.dumps`` writes for ``value``.

    Args:
        value: Dicts, lists, tuples and scalars, as :mod:`mmst.tickets.plain_data` gives them.
        tensors (dict): Tensors inside are added to it under new names.

    Raises:
        TypeError: There is something else inside.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if -float('inf') < value < float('inf') else _tag('float', repr(value))
    if isinstance(value, list):
        return [to_json(item, tensors) for item in value]
    if isinstance(value, tuple):
        return _tag('tuple', [to_json(item, tensors) for item in value])
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and _KIND not in value:
            return {key: to_json(item, tensors) for key, item in value.items()}
        return _tag('dict', [[to_json(key, tensors), to_json(item, tensors)]
                                for key, item in value.items()])
    if isinstance(value, torch.dtype):
        return _tag('dtype', str(value).rpartition('.')[2])
    if isinstance(value, torch.device):
        return _tag('device', str(value))
    if isinstance(value, Tensor):
        name = f'{_KIND}{len(tensors)}'
        tensors[name] = value
        return _tag('tensor', name)
    raise TypeError(f'{type(value).__name__} is no plain data')


def from_json(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return the plain data of :func:`to_json`.

    Args:
        value: A result of ``json.loads``.
        tensors (dict): As :func:`to_json` has left them; those inside are taken out of it.

    Raises:
        ValueError, KeyError, TypeError: Nothing that it has written.
    """
    if isinstance(value, list):
        return [from_json(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if _KIND not in value:
        return {key: from_json(item, tensors) for key, item in value.items()}
    kind, parts = value[_KIND], value['of']
    if kind == 'tuple':
        return tuple(from_json(item, tensors) for item in parts)
    if kind == 'dict':
        return {from_json(key, tensors): from_json(item, tensors) for key, item in parts}
    if kind == 'float':
        return float(parts)
    if kind == 'dtype' and isinstance(getattr(torch, parts, None), torch.dtype):
        return getattr(torch, parts)
    if kind == 'device':
        return torch.device(parts)
    if kind == 'tensor':
        return tensors.pop(parts)  # named once: a digest reads it as often as it is named
    raise ValueError(f'{kind!r:.40} is no kind of data')


def _tag(kind: str, parts: Any) -> dict[str, Any]:
    return {_KIND: kind, 'of': parts}
