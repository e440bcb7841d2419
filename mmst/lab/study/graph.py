"""Orders runs by their needs."""
from collections.abc import Iterable, Mapping

from ...errors import config_error
from .spec import Run


def sort_runs(runs: Mapping[str, Run], wanted: Iterable[str]) -> list[str]:
    """Return the wanted runs and those that they need, each after its own needs.

    Raises:
        ConfigError: One of them does not exist, or runs need each other.
    """
    found: dict[str, None] = {}
    for name in wanted:
        _visit(runs, name, 'rows', [], found)
    return list(found)


def _visit(runs: Mapping[str, Run], name: str, by: str, path: list[str],
           found: dict[str, None]) -> None:
    if name in found:
        return
    if name not in runs:
        raise config_error(by, name, 'there is no such run', 'add it to runs, or correct the name')
    if name in path:
        circle = ' -> '.join([*path[path.index(name):], name])
        raise config_error('runs', name, f'needs itself ({circle})', 'break the circle')
    for role, other in runs[name].needs.items():
        _visit(runs, other, f'runs.{name}.{role}', [*path, name], found)
    found[name] = None
