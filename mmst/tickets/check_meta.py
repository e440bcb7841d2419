"""Checks the metadata of a ticket."""
import itertools
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import TicketError
from ..settings.checks import as_number, as_whole
from .plain_data import as_plain_data

#: Steps, and sides of images in pixels, are below.
_STEPS, _PIXELS = 2**53, 2**16


def check_meta(meta: Mapping[Any, Any]) -> None:
    """Refuse facts that no run has: a share above 1, a negative epoch, units out of order.

    A fact that is not there, or is None, is not known.

    Raises:
        TicketError: Naming the fact.
    """
    for key, (is_sound, expected) in _FACTS.items():
        value = meta.get(key)
        if value is not None and not is_sound(value):
            raise TicketError(f'its {key} is {value!r:.60}, which is not {expected}. Remedy: take '
                              'the ticket from the training run again.')


def _is_share(value: Any) -> bool:
    number = as_number(value)
    return number is not None and 0 <= number <= 1


def _is_count(value: Any) -> bool:
    number = as_whole(value)
    return number is not None and 0 <= number < _STEPS


def are_survivors(value: Any) -> bool:
    """Return whether these are ascending numbers of units by group."""
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(units, list) and _ascend(units)
        for name, units in value.items())


def _ascend(units: list[Any]) -> bool:
    return all(map(_is_count, units)) and all(
        before < after for before, after in itertools.pairwise(units))


def are_costs(value: Any) -> bool:
    """Return whether these are numbers by name, none of them negative."""
    if not isinstance(value, dict):
        return False
    numbers = [as_number(cost) for cost in value.values() if cost is not None]
    return all(number is not None and number >= 0 for number in numbers)


def _is_size(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(
        _is_count(side) and 0 < side < _PIXELS for side in value)


def facts_of_data(metainfo: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data set's facts as a ticket holds them: names of classes, colours of three numbers.

    mmdet takes the name of a palette, too, and data sets of users' own number their classes; the
    former is left out, the latter become names.

    Args:
        metainfo (Mapping): Of a data set.
    """
    facts = dict(as_plain_data(metainfo))
    names = facts.get('classes')
    if isinstance(names, (list, tuple)) and not _are_names(names):
        facts['classes'] = [str(name) for name in names]
    for key in ('classes', 'palette'):
        if not _is_of_data({key: facts.get(key)}):
            del facts[key]
    return facts


def _is_of_data(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    classes, palette = value.get('classes') or (), value.get('palette') or ()
    return (_are_names(classes) and isinstance(palette, (list, tuple))
            and all(map(_is_colour, palette)))


def _is_colour(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 3 and all(
        _is_count(part) and part < 256 for part in value)


def _are_names(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(name, str) for name in value)


_FACTS: dict[str, tuple[Callable[[Any], bool], str]] = dict(
    sparsity=(_is_share, 'a share between 0 and 1'),
    epoch=(_is_count, 'a number of epochs'), iter=(_is_count, 'a number of iterations'),
    step=(_is_count, 'a number of steps'),
    survivors=(are_survivors, 'ascending numbers of units by group'),
    supernet=(are_costs, 'costs by name'),
    input_shape=(_is_size, 'a height and a width in pixels'),
    imports=(_are_names, 'a list of names of modules'),
    default_scope=(lambda value: isinstance(value, str), 'the name of a toolbox'),
    settings=(lambda value: isinstance(value, dict), 'settings by name'),
    dataset_meta=(_is_of_data, 'names of classes and colours of three numbers each'),
    compacted=(lambda value: isinstance(value, dict) and _is_share(value.get('sparsity', 0)),
               'facts of a compaction by name'))
