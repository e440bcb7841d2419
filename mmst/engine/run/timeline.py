"""Writes the timeline of a run as a file that grows with it: ``WORK_DIR/timeline.jsonl``.

The first line describes the run, each line after it is one event (:mod:`mmst.engine.run.events`),
with the network as it was after the event where that has changed. It can be read while the run is
at work and after it was killed.
"""
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ... import files
from ...tickets.plain_data import as_plain_data

FILE = 'timeline.jsonl'
_NUMBER = (int, float)
#: Keys that an event of each kind has at least.
_FIELDS: dict[str, dict[str, Any]] = dict(
    run=dict(unit=str, steps=int),
    search=dict(removed=list, params=_NUMBER, macs=_NUMBER),
    prune=dict(ratio=_NUMBER, sparsity=_NUMBER, total=int, pruned=int),
    reactivate=dict(revived=int), recalibrate=dict(batches=int),
    evaluate=dict(sparsity=_NUMBER, at_target=bool, metrics=dict))
Entry = dict[str, Any]
#: Of checkpoints: the file's entries; of the run, facts that are lost after a search.
KEY, KEPT = 'mmst_timeline', ('widths', )


def read(work_dir: str | Path) -> tuple[Entry | None, list[Entry]]:
    """Return the run and its events, oldest first; (None, []) where there is no such file.

    Lines from the first one on that is not whole are left out: a kill can strike while one is
    written.
    """
    try:
        lines = files.read_json_lines(Path(work_dir) / FILE)
    except (OSError, ValueError):
        return None, []
    entries: list[Entry] = []
    for line in lines:
        entry = _entry(line)
        if entry is None:
            break
        entries.append(entry)
    if not entries or entries[0]['kind'] != 'run':
        return None, []
    return entries[0], entries[1:]


def find_damage(work_dir: str | Path) -> str | None:
    """Return the problem of the file, in words; None where there is none, or there is none.

    A last line that is cut off is no damage: a kill can strike while it is written.
    """
    try:
        lines = files.read_json_lines(Path(work_dir) / FILE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        return f'it cannot be read ({type(error).__name__})'
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None and (number < len(lines) or line.endswith('\n')):
            return f'line {number} is no event'
        if number == 1 and entry is not None and entry['kind'] != 'run':
            return 'its first line does not describe a run'
        lacking = entry and [key for key, kinds in _FIELDS.get(entry['kind'], {}).items()
                             if not isinstance(entry.get(key), kinds)]
        if lacking:
            return f'line {number} has no {lacking[0]}'
    return None


def begin(work_dir: str | Path, run: Entry, entries: Iterable[Entry]) -> None:
    """Rewrite the file, whole or not at all.

    Raises:
        TrainingError: It cannot be written.
    """
    files.write_bytes(Path(work_dir) / FILE, _lines([run, *entries]), own=True)


def append(work_dir: str | Path, entries: Sequence[Entry]) -> None:
    """Add events at the end.

    Raises:
        TrainingError: The file cannot be written.
    """
    path = Path(work_dir) / FILE
    try:
        with open(files.open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), 'ab') as file:
            file.write(_lines(entries))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise files.cannot_write(path, error) from error


def merge(events: Sequence[Entry], entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries of ``events`` alone: those written already, bare events where there is
    none.

    A run that goes on from a checkpoint knows the events up to that; later lines
    happens again.
    """
    found = list(entries[:len(events)]) + [{}] * (len(events) - len(entries))
    return [
        entry if _same(entry, event) else event for entry, event in zip(found, events, strict=True)
    ]


def as_read(entry: Entry) -> Entry:
    """Return an entry as the file gives it back: keys are text."""
    return json.loads(json.dumps(as_plain_data(entry)))


def complete(entries: Sequence[Entry], kept: Sequence[Entry]) -> list[Entry]:
    """Return entries without the network after them, from those that a checkpoint has kept."""
    found = list(kept[:len(entries)]) + [{}] * (len(entries) - len(kept))
    return [dict(old, **entry) if _same(old, entry) else entry
            for entry, old in zip(entries, found, strict=True)]


def check_timeline(content: Any) -> tuple[Entry, list[Entry]]:
    """Run and entries of a checkpoint; nothing where no run would write such entries."""
    run, entries = (content.get('run'), content.get('entries')) if isinstance(content, dict) else (
        None, None)
    if not isinstance(run, dict) or not isinstance(entries, list):
        return {}, []
    widths = {key: value for key, value in run.items() if key in KEPT and isinstance(value, dict)}
    return widths, entries if all(isinstance(entry, dict) for entry in entries) else []


def _same(entry: Entry, event: Entry) -> bool:
    return all(entry.get(key) == event[key] for key in ('kind', 'step'))


def _entry(line: str) -> Entry | None:
    try:
        entry = files.parse_json(line) if line.endswith('\n') else None
    except ValueError:
        return None
    whole = (isinstance(entry, dict) and isinstance(entry.get('kind'), str)
             and type(entry.get('step')) is int)
    return entry if whole else None


def _lines(entries: Iterable[Entry]) -> bytes:
    return ''.join(json.dumps(entry) + '\n' for entry in entries).encode()
