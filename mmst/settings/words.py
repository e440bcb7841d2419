"""Finds texts that stand where a class takes numbers or flags: ``'no'`` is true, and ``'1,2'`` four
characters, so that neither raises where it is read.
"""
import inspect
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Union, get_args, get_origin

from ..errors import config_error
from .checks import as_number, check_flag, is_flag
from .parts import leaves

#: Containers in which numbers and flags may lie.
_AROUND = (list, tuple, Sequence, Union, types.UnionType)
_NAMES = {'bool': bool, 'int': int, 'float': float, 'None': type(None)}
_WORDS = ('true', 'false', 'yes', 'no', 'on', 'off')


def check_words(key: str, taker: Callable[..., Any], given: Mapping[str, Any],
                legible: bool = False) -> None:
    """Refuse texts where the signature of a class or function asks for numbers or flags alone.

    Args:
        key (str): Of the settings in the config.
        taker (Callable): It will be called with them.
        given (Mapping): The settings.
        legible (bool): Only texts are refused that say which number or flag is meant, e.g. '90%':
            for others the class itself may have better advice. Defaults to False.

    Raises:
        ConfigError: Naming the setting.
    """
    taken = dict(_takes(taker))
    for name in taken.keys() & given.keys():
        kinds, default = taken[name]
        listed = isinstance(given[name], (str, list, tuple, int, float))
        for inner, value in leaves(given[name], f'{key}.{name}') if listed else ():
            flag = kinds == {bool} or (not kinds and is_flag(default))
            wanted = 'True or False' if flag else 'a number'
            if isinstance(value, str) and (kinds or (flag and value.lower() in _WORDS)):
                meant = _unquote(value, flag)
                if meant is not None or not legible:
                    raise config_error(
                        inner, value, f'must be {wanted}, and is a text',
                        f'write it without quotes, e.g. {inner}={meant or (False if flag else 1)}')
            if legible:
                continue
            if is_flag(value) and kinds and bool not in kinds:
                raise config_error(inner, value, f'must be {wanted}',
                                   f'correct {inner}: give a number, e.g. 1')
            if kinds == {bool} and as_number(value) not in (None, 0, 1):
                check_flag(inner, value)


def arguments(taker: Callable[..., Any]) -> tuple[list[str], bool]:
    """Return the names of arguments that a class or function takes, and whether of any name.

    Of a class that hands all others on to its base, those of the base are taken, too.
    """
    found: dict[str, None] = {}
    for part in taker.__mro__[:-1] if inspect.isclass(taker) else [taker]:
        given = inspect.signature(part).parameters.values()
        found.update((argument.name, None) for argument in given if argument.kind in (
            argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY))
        if not any(argument.kind is argument.VAR_KEYWORD for argument in given):
            return list(found), False
    return list(found), True


def _takes(taker: Callable[..., Any]) -> Iterator[tuple[str, tuple[set[Any], Any]]]:
    """Yield each argument with the kinds of numbers that it takes, if no others, and its default.
    """
    for part in reversed(taker.__mro__[:-1] if inspect.isclass(taker) else [taker]):
        function: Any = part.__dict__.get('__init__') if inspect.isclass(part) else part
        with suppress(TypeError, ValueError):  # There may be no signature.
            for name, argument in inspect.signature(function).parameters.items():
                kinds = set(_kinds(argument.annotation)) - {type(None), Ellipsis, argument.empty}
                known = argument.annotation is not argument.empty
                numbers = kinds <= {bool, int, float} and not isinstance(argument.default, str)
                yield name, (kinds if numbers else set(), None if known else argument.default)


def _kinds(hint: Any) -> Iterator[Any]:
    """Yield the classes that an annotation names; those of other classes stay texts."""
    if isinstance(hint, str):
        yield from (_NAMES.get(name.strip(), name) for name in hint.split('|'))
    elif get_origin(hint) in _AROUND:
        for inner in get_args(hint):
            yield from _kinds(inner)
    else:
        yield hint


def _unquote(value: str, flag: bool) -> str | None:
    """Return the flag or number that a text means; None where it is none."""
    if flag:
        return str(value.lower() in ('true', 'yes', 'on')) if value.lower() in _WORDS else None
    share = re.fullmatch(r' *(\d*\.?\d+) *%', value)
    if share:
        return f'{float(share[1]) / 100:g}'
    return value if re.fullmatch(r'[-+.,\deE ]*\d[-+.,\deE ]*', value) else None
