"""Checks the words of the command line, before anything else is done with them."""
from collections.abc import Sequence

from ..errors import config_error, shorten

#: Signs of a word; Linux takes 4,096 for a path.
_MOST = 50_000


def check_given_words(words: Sequence[str]) -> None:
    """Refuse words that name no file, or that no text can be written with.

    Raises:
        ConfigError: Quoting the word.
    """
    for word in words:
        problem = ('is empty' if not word else 'is no text in UTF-8' if not _is_text(word) else
                   'is longer than any argument' if len(word) > _MOST else None)
        if problem:
            raise config_error('argument', shorten(word, 100), problem, 'use a plain name')


def _is_text(word: str) -> bool:
    try:
        return b'\0' not in word.encode()
    except UnicodeEncodeError:  # bytes of a file name stand for themselves
        return False
