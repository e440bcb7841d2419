"""Knows the names of the files that a run itself has written.

Checkpoints and small text files name other files, to be removed or read. The author of such a file
could name anything: a name counts if the run could have given it, and its folder never counts.
"""
import re
from pathlib import PurePath
from string import Formatter
from typing import Any

#: A run of more steps does not end; a number of more digits is slow to write.
_MAX_STEP = 10**15


def own_name(path: Any, template: str) -> str | None:
    """Return the base name of a checkpoint of this run; None where ``path`` is none.

    Args:
        path (Any): As a file tells it, with or without folders.
        template (str): Of the run's file names, with a place for the step: ``'epoch_{}.pth'``.
    """
    if not isinstance(path, str):
        return None
    name = PurePath(path).name
    return name if re.fullmatch(f'(best_.+_)?{_pattern(template)}', name) else None


def own_steps(value: Any) -> list[int]:
    """Return the whole numbers, from 0 on, of a list of steps; others are left out."""
    if not isinstance(value, (list, tuple)):
        return []
    return [step for step in value if type(step) is int and 0 <= step < _MAX_STEP]


def _pattern(template: str) -> str:
    """Return a regular expression for the names that a template gives."""
    return ''.join(re.escape(text) + ('' if field is None else r'\d+')
                   for text, field, _, _ in Formatter().parse(template))
