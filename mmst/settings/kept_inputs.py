"""Keeps what a command reads from being written over."""
import os
from pathlib import Path

from ..errors import config_error


def keep_inputs(key: str, out: str | Path, *inputs: str | Path | None) -> None:
    """Refuse to write a file that is read, by whatever path it is named.

    Args:
        key (str): The setting that names the output.
        out (str | Path): The file to write.
        inputs (str | Path | None): Files that are read; None, and what is no file, is passed over.

    Raises:
        ConfigError: ``out`` is one of them.
    """
    if any(path is not None and is_same(out, path) for path in inputs):
        raise config_error(key, str(out), 'is the file that is read, and would be lost',
                           f'give another path as {key}')


def is_same(one: str | Path, other: str | Path) -> bool:
    """Return whether two paths lead to one file, which is there."""
    try:
        return os.path.isfile(one) and os.path.samefile(one, other)
    except (OSError, ValueError):  # One of them is not there, or is no path.
        return False
