"""Reads the config that mmengine has written into a work directory, without running it."""
import ast
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ... import files
from ...errors import ConfigError

#: Bytes; mmengine's own are some ten kilobytes.
_LIMIT = 1 << 20
_NUMBERS = dict(inf=float('inf'), nan=float('nan'))


def read_dumped(path: Path) -> Config:
    """Return a config whose file assigns values to names and does nothing else.

    A work directory may come from anybody, and a config is a program: this one is never run, and
    names that it imports stay names.

    Raises:
        OSError, ValueError, SyntaxError: It cannot be read, or is no such file.
    """
    found = {}
    for line in ast.parse(files.read_text(path, _LIMIT)).body:
        if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
            continue
        if not isinstance(line, ast.Assign) or len(line.targets) != 1 \
                or not isinstance(line.targets[0], ast.Name):
            raise _more(line)
        found[line.targets[0].id] = _value(line.value)
    return Config(found)


def _value(node: ast.expr) -> Any:
    """Return the value of a literal: ``dict(...)``, brackets, a word or a number."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id in _NUMBERS:
        return _NUMBERS[node.id]
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        kind = dict(List=list, Tuple=tuple, Set=set)[type(node).__name__]
        return kind(map(_value, node.elts))
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_value(key): _value(item)
                for key, item in zip(node.keys, node.values, strict=True) if key is not None}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict' \
            and len(node.args) <= 1 and all(word.arg for word in node.keywords):
        given = _value(node.args[0]) if node.args else {}  # of keys that are no names
        return dict(given, **{str(word.arg): _value(word.value) for word in node.keywords})
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand)
        if type(value) in (int, float):
            return -value
    raise _more(node)


def _more(node: ast.AST) -> ConfigError:
    return ConfigError(f'line {getattr(node, "lineno", 1)} is no plain value, as mmengine writes '
                       'them, and a report runs nothing of a work directory')
