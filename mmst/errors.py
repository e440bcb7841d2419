"""Builds errors that a user can act on: one line with key, value and remedy."""
from collections.abc import Iterator
from contextlib import contextmanager

#: Characters of a message; a terminal's line is about 100.
LIMIT = 600
_REMEDY = ' Remedy:'


class MMSTError(ValueError):
    """Is the base of all errors that come from a user's input rather than from a defect.

    Its message is one line of at most ``LIMIT`` characters; quotations are cut.
    """

    def __init__(self, message: object = ''):
        super().__init__(one_line(message))


def first_line(error: Exception) -> str:
    """Return the first line of an error's message; its class where it says nothing."""
    return (str(error) or type(error).__name__).splitlines()[0]


def one_line(message: object, limit: int = LIMIT) -> str:
    """Return ``message`` without line breaks; if it is too long, it is cut before its remedy.

    Signs that a terminal would obey, or cannot show, are written as Python writes them: they may
    stand in the name of a file.

    Args:
        message (object): An exception, or its text.
        limit (int): Characters at most.
    """
    text = ' '.join(str(message).split())
    if not text.isprintable():
        text = ''.join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    if len(text) <= limit:
        return text
    problem, remedy, cure = text.rpartition(_REMEDY)
    if not remedy:
        return shorten(text, limit)
    cure = shorten(f'{remedy}{cure}', limit // 2)
    return shorten(problem, limit - len(cure)) + cure


def shorten(text: str, limit: int) -> str:
    """Return the beginning of a text, with dots where it was cut."""
    return text if len(text) <= limit else f'{text[:limit - 4].rstrip()} ...'


class ConfigError(MMSTError):
    """Reports a setting that makes no sense, or settings that contradict each other."""


class DataError(ConfigError):
    """Is raised for a data set that is missing, empty or does not fit the config."""


class TicketError(MMSTError):
    """Reports a ticket or checkpoint file that cannot be used."""


def config_error(key: str, value, problem: str, remedy: str) -> ConfigError:
    """Return a :class:`ConfigError` of the project's one form."""
    return ConfigError(f'{key} = {value!r}: {problem}. Remedy: {remedy}.')


@contextmanager
def blaming(key: str, value: object, called: str, remedy: str) -> Iterator[None]:
    """Turn any exception of code that is the user's own into a :class:`ConfigError` that names it.

    Args:
        key (str): The setting that brought that code.
        value (object): Its value.
        called (str): The part of it that is called, e.g. ``'score()'``.
        remedy (str): Ends the line.

    Raises:
        ConfigError: Anything but an :class:`MMSTError` was raised inside the block.
    """
    try:
        yield
    except MMSTError:
        raise
    except Exception as error:
        words = f'{type(error).__name__}: {one_line(error, 200)}'.rstrip(': .')
        raise config_error(key, value, f'{called} fails ({words})', remedy) from error


class TrainingError(MMSTError):
    """Reports a run that cannot go on, e.g. because it diverged."""
