"""Reads mmengine's logs of a run, over all the processes that worked at it."""
from math import isfinite
from pathlib import Path
from typing import Any

from ... import files

#: mmengine names a process's folder by the time at which it started.
FOLDERS = '[0-9]*_[0-9]*'


def starts(work_dir: Path) -> list[str]:
    """Return times of starts and resumptions, e.g. ``'20240131_120000'``, oldest first."""
    return sorted(path.name for path in work_dir.glob(FOLDERS) if path.is_dir())


def losses(work_dir: Path) -> list[tuple[int, float]]:
    """Return iterations done and the loss that was logged then.

    A resumed process repeats iterations that the one before had logged after its checkpoint: the
    later one counts.
    """
    found: dict[int, float] = {}
    for start in starts(work_dir):
        new = {line['step']: line['loss'] for line in _scalars(work_dir / start)
               if type(line.get('step')) is int and _is_number(line.get('loss'))}
        if new:
            found = {step: loss for step, loss in found.items() if step < min(new)}
            found.update(new)
    return sorted(found.items())


def config_file(work_dir: Path) -> Path | None:
    """Return the run's whole config as mmengine has written it, the last process's; None without.
    """
    named = sorted(work_dir.glob('*.py'))
    if len(named) == 1:  # others are of runs before
        return named[0]
    written = [work_dir / start / 'vis_data' / 'config.py' for start in starts(work_dir)]
    return next((path for path in [*written[::-1], *named] if path.is_file()), None)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


def _scalars(folder: Path) -> list[dict[str, Any]]:
    """Return lines of a process's ``scalars.json``; half-written ones are left out."""
    found: list[dict[str, Any]] = []
    try:
        lines = files.read_json_lines(folder / 'vis_data' / 'scalars.json')
    except (OSError, ValueError):
        return []
    for line in lines:
        try:
            content = files.parse_json(line)
        except ValueError:
            continue
        found += [content] if isinstance(content, dict) else []
    return found
