"""Describes a searched architecture as plain data: the units left in each search block."""
import copy
from collections.abc import Mapping
from typing import Any

from torch import nn

from ...errors import config_error
from ...settings.checks import as_whole
from .search_block import SearchBlock

#: Path of a search block to ``{'channels': {kernel size: width}, 'tokens': n}``.
Widths = dict[str, dict[str, Any]]


def search_blocks(model: nn.Module) -> dict[str, SearchBlock]:
    """Return the search blocks of a model by their paths."""
    return {name: m for name, m in model.named_modules() if isinstance(m, SearchBlock)}


def get_widths(model: nn.Module) -> Widths:
    """Return widths of every search block of ``model``."""
    return {name: block.widths() for name, block in search_blocks(model).items()}


def set_widths(model: nn.Module, widths: Widths) -> None:
    """Resize the search blocks; tensors that change hold undefined values until loaded."""
    for name, block in search_blocks(model).items():
        block.resize(**widths[name])


def searched_parts(settings: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return names and settings of the parts of a model's config that say their ``widths``.

    A part may be missing, None, or a list of settings (then ``neck[0]``, …).
    """
    named = []
    for part in ('backbone', 'neck'):
        found = settings.get(part)
        if isinstance(found, (list, tuple)):
            named += [(f'{part}[{i}]', one) for i, one in enumerate(found)]
        else:
            named.append((part, found))
    return [(name, one) for name, one in named if isinstance(one, dict) and 'widths' in one]


def without_widths(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a model's config that describes the network before any search."""
    found = copy.deepcopy(dict(settings))
    for _, part in searched_parts(found):
        del part['widths']
    return found


def check_widths(model: nn.Module, widths: Widths, key: str) -> None:
    """Refuse widths that do not fit the network.

    Raises:
        ConfigError: Naming the block, the misfit and the remedy.
    """
    full = get_widths(model)
    remedy = 'use the architecture together with the search space that it was found in'
    if set(widths) != set(full):
        names = sorted(set(widths) ^ set(full))
        raise config_error(key, names[0], f'{len(names)} search blocks do not match', remedy)
    for name, most in full.items():
        found = widths[name]
        if not _fits(found, most):
            raise config_error(f'{key}[{name!r}]', found, f'must lie within {most}', remedy)


def _fits(found: Any, most: Mapping[str, Any]) -> bool:
    try:
        counts = [found['tokens'], *found['channels'].values()]
        limits = [most['tokens'], *(most['channels'][k] for k in found['channels'])]
    except (KeyError, TypeError, AttributeError):
        return False
    return (set(found) == set(most) and set(found['channels']) == set(most['channels']) and all(
        n is not None and 0 <= n <= limit
        for n, limit in zip(map(as_whole, counts), limits, strict=True)))
