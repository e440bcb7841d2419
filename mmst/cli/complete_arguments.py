"""Completes arguments once torch may be imported: user's modules, values of ``KEY=VALUE``."""
import argparse
import importlib
import os
import sys
from typing import Any

from mmengine.config import DictAction

from ..errors import one_line
from .arguments.assignments import Assignments


def complete(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Import the user's own modules and read the values of ``KEY=VALUE``.

    Modules are found in the current folder, too.

    Args:
        args (Namespace): As the parser returned them; its values change.
        parser (ArgumentParser): It reports errors, and ends the process.
    """
    if getattr(args, 'imports', ()) and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for name in getattr(args, 'imports', ()):
        try:
            importlib.import_module(name)
        except Exception as error:  # Importing runs the file: anything can be wrong with it.
            parser.error(f'--import {name}: cannot be imported '
                         f'({type(error).__name__}: {one_line(error, 200)})')
    for name, value in vars(args).items():
        if isinstance(value, Assignments):
            try:
                setattr(args, name, read_values(value))
            except ValueError as error:
                option = name.replace('_', '-')
                parser.error(f'--{option} {" ".join(value)}: {one_line(error, 200)}')


def read_values(words: Assignments) -> dict[str, Any]:
    """Return keys and values of words ``KEY=VALUE``, as the toolboxes' tools read them.

    Raises:
        ValueError: The brackets of a value do not match.
    """
    found = argparse.Namespace()
    try:
        DictAction(['KEY=VALUE'], 'values')(argparse.ArgumentParser(), found, list(words))
    except AssertionError as error:
        raise ValueError(str(error)) from error
    return found.values
