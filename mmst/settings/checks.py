"""Checks single values for all constructors: returns the value, or refuses it by its key.

Numbers are recognised here alone: Python's and NumPy's integers and floats are numbers, and
are given back as Python's; True, False, NaN, infinity, integers of more than 64 bits, tensors and
words are none.
"""
import difflib
import math
import os
from collections.abc import Iterable
from typing import Literal, TypeVar, overload

import numpy as np

from ..errors import config_error

#: The most pixels of an image's side: those of a JPEG.
WIDEST = 65535
Choice = TypeVar('Choice', bound=str | float | None)


def as_number(value: object) -> float | None:
    """Return Python's int or float of a number; None of anything else, True and NaN included.

    Integers of more than 64 bits are none either: no library takes them.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if is_flag(value) or not isinstance(value, (int, float)):
        return None
    usable = value.bit_length() < 64 if isinstance(value, int) else math.isfinite(value)
    return value if usable else None


def as_whole(value: object) -> int | None:
    """Return Python's int of an integer; None of anything else, 2.0 included."""
    number = as_number(value)
    return number if isinstance(number, int) else None


@overload
def check_number(key: str, value: object, *, low: float | None = ..., high: float | None = ...,
                 above: float | None = ..., below: float | None = ..., whole: Literal[True],
                 remedy: str) -> int:
    ...


@overload
def check_number(key: str, value: object, *, low: float | None = ..., high: float | None = ...,
                 above: float | None = ..., below: float | None = ..., whole: Literal[False] = ...,
                 remedy: str) -> float:
    ...


def check_number(key: str, value: object, *, low: float | None = None, high: float | None = None,
                 above: float | None = None, below: float | None = None, whole: bool = False,
                 remedy: str) -> float:
    """Refuse a value that is no number, or lies outside the bounds.

    Args:
        key (str): Of the setting, e.g. ``'PruneHook.sparsity'``.
        value (object): The given value.
        low, high (float, optional): Bounds that are allowed themselves.
        above, below (float, optional): Bounds that are not allowed themselves.
        whole (bool): Whether it must be an integer. Defaults to False.
        remedy (str): The advice in the message, e.g. ``'use 50'``.

    Returns:
        Python's int or float of the same value.

    Raises:
        ConfigError: Naming key, value and remedy.
    """
    number = as_whole(value) if whole else as_number(value)
    if (number is None or (low is not None and number < low)
            or (high is not None and number > high) or (above is not None and number <= above)
            or (below is not None and number >= below)):
        kind = 'a whole number' if whole else 'a number' if number is None else ''
        raise config_error(key, value, _allowed_range(kind, low, high, above, below), remedy)
    return number


def is_flag(value: object) -> bool:
    """Return whether a value is True or False, Python's or NumPy's."""
    return isinstance(value, (bool, np.bool_))


def check_flag(key: str, value: object, remedy: str = 'use True or False') -> bool:
    """Refuse a value that is neither True nor False.

    Raises:
        ConfigError: Naming key, value and remedy.
    """
    if not is_flag(value):
        raise config_error(key, value, 'must be True or False', remedy)
    return bool(value)


def check_choice(key: str, value: object, choices: Iterable[Choice], more: str = '') -> Choice:
    """Refuse a value that is none of the choices. 1 does not stand for True, nor True for 1.

    Args:
        key (str): Of the setting.
        value (object): The given value.
        choices (Iterable): Words, numbers, True, False or None.
        more (str): Other choices in words, for the remedy, e.g. ``"'n:m', e.g. '2:4'"``.

    Raises:
        ConfigError: Naming key, value, the choice that is most like it, and all choices.
    """
    choices = list(choices)
    for choice in choices:
        if _same(value, choice):
            return choice
    listed = ', '.join(map(repr, choices)) + (f', or {more}' if more else '')
    meant = suggestion(value, [choice for choice in choices if isinstance(choice, str)])
    raise config_error(key, value, 'unknown choice',
                       f'{meant} Use one of {listed}' if meant else f'use one of {listed}')


def check_size(key: str, value: object, remedy: str, low: int = 1,
               high: int = WIDEST) -> tuple[int, int]:
    """Refuse a value that is no height and width in pixels.

    Raises:
        ConfigError: Naming key, value and remedy.
    """
    pair = value if isinstance(value, (list, tuple)) and len(value) == 2 else ()
    sides = [side for side in map(as_whole, pair) if side is not None and low <= side <= high]
    if len(sides) != 2:
        raise config_error(key, value, 'must be (height, width) in pixels, '
                           f'{f"each {low} or above, " if low > 1 else ""}{high} at most', remedy)
    return sides[0], sides[1]


def check_numbers(key: str, values: object, *, low: int, remedy: str) -> list[int]:
    """Refuse a value that is neither a whole number nor a list of them.

    Args:
        key (str): Of the setting.
        values (object): A list or tuple; a single number stands for a list of one.
        low (int): The least that is allowed.
        remedy (str): The advice in the message.

    Raises:
        ConfigError: Naming key, value and remedy.
    """
    listed = values if isinstance(values, (list, tuple)) else [values]
    numbers = [number for number in map(as_whole, listed) if number is not None and number >= low]
    if len(numbers) < len(listed):
        raise config_error(key, values, f'must be whole numbers, {low} or above', remedy)
    return numbers


def check_names(key: str, names: object, remedy: str) -> list[str]:
    """Refuse a value that is neither a name nor a list of names; one name stands for a list of one.

    Raises:
        ConfigError: Naming key, value and remedy.
    """
    listed = names if isinstance(names, (list, tuple)) else [names]
    if not all(isinstance(name, str) for name in listed):
        raise config_error(key, names, 'must be a list of names', remedy)
    return list(listed)


def check_path(key: str, value: object, remedy: str) -> str:
    """Return a path as text; refuse a value that is none.

    Raises:
        ConfigError: Naming key, value and remedy.
    """
    if not isinstance(value, (str, os.PathLike)) or not isinstance(path := os.fspath(value), str) \
            or not path:
        raise config_error(key, value, 'must be a path', remedy)
    return path


def suggestion(name: object, known: Iterable[object]) -> str | None:
    """Return ``did you mean …?`` for a misspelt name, or None where none is like it."""
    lower = {str(other).lower(): str(other) for other in known}
    close = difflib.get_close_matches(str(name).lower(), lower, n=1)
    return f'did you mean {lower[close[0]]!r}?' if close else None


def _same(value: object, choice: object) -> bool:
    """Return whether two are equal, True to itself alone. Arrays are equal to no choice."""
    return (isinstance(value, (str, int, float, type(None)))
            and is_flag(value) == is_flag(choice) and value == choice)


def _allowed_range(kind: str, low: float | None, high: float | None, above: float | None,
            below: float | None) -> str:
    """Return a sentence that says which numbers are allowed."""
    least, most = (low if above is None else above), (high if below is None else below)
    if least is not None and most is not None:
        shut_out = [f'{bound:g}' for bound in (above, below) if bound is not None]
        without = f', without {" and ".join(shut_out)}' if shut_out else ''
        return f'must {f"be {kind}" if kind else "lie"} between {least:g} and {most:g}{without}'
    if above is not None or below is not None:
        bound = f'above {above:g}' if above is not None else f'below {below:g}'
        return f'must be {kind} {bound}' if kind else f'must be {bound}'
    if least is None and most is None:
        return f'must be {kind}'
    bound = f'{least:g} or above' if least is not None else f'{most:g} or below'
    return f'must be {kind}, {bound}' if kind else f'must be {bound}'
