"""Keeps the baselines of a run: figures of other networks, in its work directory."""
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import files

FILE = 'baselines.json'


@dataclass(frozen=True)
class Baseline:
    """Describes a network, or an answer without one, that a run is compared with.

    Args:
        name (str): For readers.
        score (float, optional): By the run's main metric.
        params (float, optional): Parameters that are kept.
        macs (float, optional): Multiply-adds of an image, of kept weights.
    """
    name: str
    score: float | None = None
    params: float | None = None
    macs: float | None = None


def write_baselines(folder: Path, found: Iterable[Baseline]) -> None:
    """Write the file into a run's work directory."""
    rows = json.dumps([asdict(row) for row in found], indent=1)
    files.write_bytes(folder / FILE, rows.encode())


def read_baselines(folder: Path, notes: list[str]) -> list[Baseline]:
    """Return the baselines of a run; an empty list where there is no such file.

    Args:
        folder (Path): The work directory.
        notes (list[str]): Gets a sentence where the file cannot be used.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        return [_check_row(row) for row in files.parse_json(files.read_text(path))]
    except (OSError, ValueError, TypeError) as error:
        notes.append(f'{FILE} is left out, it cannot be read ({type(error).__name__}: '
                     f'{" ".join(str(error).split())[:150]}).')
        return []


def _check_row(row: dict[str, Any]) -> Baseline:
    """Return a row; raise where an entry is unknown or of another kind than is written."""
    found = Baseline(**row)
    numbers = (found.score, found.params, found.macs)
    wrong = [value for value in numbers if value is not None and (
        type(value) not in (int, float) or not math.isfinite(value))]
    if not isinstance(found.name, str) or wrong:
        raise ValueError(f'{wrong[0] if wrong else found.name!r} is no entry of a baseline')
    return found
