"""Refuses settings of operations that contradict each other."""
from collections.abc import Sequence
from typing import Any, NamedTuple

from ....errors import shorten
from ....settings.checks import as_whole

#: Channels of a map, and halvings of its height and width, that no network of ours reaches.
MOST_CHANNELS, MOST_LEVEL = 1 << 16, 16
#: Inputs of a sum.
MOST_INPUTS = 1 << 10


class Shape(NamedTuple):
    """Holds the facts of a map that follow from the architecture alone.

    Attributes:
        channels (int): Of the map.
        level (int | List[int]): Halvings of the image's height and width, or their fixed numbers.
    """
    channels: int
    level: int | list[int]


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """Refuse anything but a whole number between two bounds.

    Raises:
        ValueError: With its name and the bounds.
    """
    number = as_whole(value)
    if number is None or not low <= number <= high:
        raise ValueError(f'{name} is {_quote(value)}, no whole number from {low} to {high}')


def check_places(name: str, value: Any, count: int) -> None:
    """Refuse anything but a list of at least one whole number in [0, ``count``).

    Raises:
        ValueError: With its name and the number that lies outside.
    """
    if not isinstance(value, list) or not value:
        raise ValueError(f'{name} is {_quote(value)}, no list of channels')
    for place in value:
        check_whole(f'a number of {name}', place, 0, count - 1)


def check_same(name: str, found: Any, wanted: Any) -> None:
    """Refuse a value that is not the one that follows from the rest.

    Raises:
        ValueError: With both.
    """
    if found != wanted:
        raise ValueError(f'{name} is {_quote(found)}, and the rest asks for {_quote(wanted)}')


def check_alike(inputs: Sequence[Shape]) -> None:
    """Refuse inputs of different shapes.

    Raises:
        ValueError: With two of them.
    """
    for shape in inputs[1:]:
        check_same('the shape of an input', tuple(shape), tuple(inputs[0]))


def _quote(value: Any) -> str:
    return shorten(repr(value), 60)
