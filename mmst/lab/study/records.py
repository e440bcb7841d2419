"""Stores results of finished runs as small files, enough to continue a study elsewhere."""
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import files
from ...errors import TrainingError, config_error
from ...settings.checks import as_number, is_flag
from ...version import __version__
from ..machine import machine
from .jobs import Job

#: In a run's work directory: the settings that its files come from.
MARK = 'mmst_study.json'
_FIELDS = dict(run=str, seed=int, digest=str, metrics=dict)


def record_path(folder: Path, job: Job) -> Path:
    """Return the path of a job's record."""
    return folder / f'{job.key}.json'


def read_record(folder: Path, job: Job) -> dict[str, Any] | None:
    """Return a job's record of its present settings; None where there is none.

    Raises:
        ConfigError: The file is damaged, or its settings were others.
    """
    path = record_path(folder, job)
    if not path.is_file():
        return None
    record = _read(path)
    if record is None or not _is_sound(record, job):
        raise config_error('--records', str(path), 'is no record of a run',
                           'remove it: the run is done again')
    if record['digest'] != job.digest:
        raise config_error(
            '--records', str(path), f'was made under other settings ({record["digest"]}, and now '
            f'{job.digest})', 'go back to its settings, give another folder, or let the run be '
            'done again with --rerun-changed')
    return record


def _is_sound(record: Mapping[str, Any], job: Job) -> bool:
    """Return whether a file's content is what a run of this job could have written."""
    if any(not isinstance(record.get(k), t) for k, t in _FIELDS.items()):
        return False
    if (record['run'], record['seed']) != (job.run.name, job.seed):
        return False
    sparsity = record.get('sparsity')
    counts = [record.get('classes_without_label'), record.get('seconds')]
    if not _are_origins(record.get('began_with') or {}):
        return False
    for costs in (record.get('params') or {}, record.get('macs') or {}):
        if not isinstance(costs, dict):
            return False
        counts += costs.values()
    metrics = record['metrics'].values()  # NaN is a score, of a class without labels
    return (all(isinstance(value, (int, float)) and not is_flag(value) for value in metrics)
            and (sparsity is None or 0 <= _number(sparsity) <= 1)
            and all(value is None or _number(value) >= 0 for value in counts))


def _are_origins(found: Any) -> bool:
    """Return whether a record tells by role what its run began with: a run and its scores."""
    return isinstance(found, dict) and all(
        isinstance(origin, dict) and isinstance(origin.get('run'), str)
        and isinstance(origin.get('metrics'), (dict, type(None))) for origin in found.values())


def _number(value: Any) -> float:
    """Return a finite number; -1 for anything else."""
    found = as_number(value)
    return -1. if found is None else found


def write_record(folder: Path, job: Job, size: str, words: list[str],
                 seconds: float | None = None, root: str = '.') -> dict[str, Any]:
    """Write the record of a job that has ended well, whole or not at all.

    Args:
        folder (Path): Of the records.
        job (Job): Its result file is there.
        size (str): Name of the size.
        words (List[str]): The command.
        seconds (float, optional): Time of the last call; None where the run had ended before.
        root (str): The project's folder, which the command is written down without.
    """
    summary = _read(job.result)
    metrics = _metrics(summary)
    if summary is None or metrics is None:
        raise TrainingError(f'{job.result} has no metrics. Remedy: remove {job.folder} and run the '
                            'study again.')
    record = dict(run=job.run.name,
                  seed=job.seed,
                  size=size,
                  digest=job.digest,
                  tool=job.run.tool,
                  metrics=metrics,
                  began_with={role: dict(run=other.run.name, metrics=_metrics(_read(other.result)))
                              for role, other in job.needs.items()},
                  classes_without_label=len(summary.get('classes_without_label') or ()),
                  sparsity=summary.get('sparsity'),
                  params=summary.get('params'),
                  macs=summary.get('macs'),
                  input_shape=summary.get('input_shape'),
                  before_last_prune=summary.get('before_last_prune'),
                  command=' '.join(shorten_word(word, root) for word in words),
                  seconds=seconds,
                  mmst=__version__,
                  machine=machine())
    _write(record_path(folder, job), record)
    return record


def _metrics(summary: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the scores of a run's summary; None where it has none."""
    found = (summary or {}).get('metrics')
    if not isinstance(found, dict):
        return None
    return {name: math.nan if score is None else score  # JSON has no NaN
            for name, score in found.items()}


def same_scores(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two results of a run have the same scores, to the last digit."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def began_with_others(record: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]],
                      seen: frozenset[str] = frozenset()) -> bool:
    """Return whether a run is known to have begun with another result than the recorded one, or
    what it began with to have.

    Args:
        record (Mapping): Of the run; older ones do not tell what it began with.
        records (Mapping): By key.
        seen (FrozenSet[str]): Runs that led here: records of anybody's may name each other.
    """
    seen |= {record['run']}
    for origin in (record.get('began_with') or {}).values():
        recorded = records.get(f'{origin["run"]}-seed{record["seed"]}')
        if recorded is None or origin['run'] in seen:
            continue
        if origin['metrics'] is not None and not same_scores(origin['metrics'],
                                                             recorded['metrics']):
            return True
        if began_with_others(recorded, records, seen):
            return True
    return False


def shorten_word(word: str, root: str) -> str:
    """Return a word of a command without the project's folder and the current one before its paths.
    """
    for folder in (root, '.'):
        word = word.replace(os.path.abspath(folder) + os.sep, '')
    return word


# ------------------------------------------------------------------------- work directories


def mark(job: Job) -> None:
    """Note in a job's work directory which settings its files come from."""
    _write(job.folder / MARK, dict(run=job.run.name, seed=job.seed, digest=job.digest))


def read_mark(job: Job) -> str | None:
    """Return the digest that a job's work directory was marked with; None where it is new."""
    return (_read(job.folder / MARK) or {}).get('digest')


def check_folder(job: Job) -> None:
    """Refuse a work directory whose files come from other settings.

    Raises:
        ConfigError: With the remedy.
    """
    there = read_mark(job)
    if there not in (None, job.digest):
        raise config_error(
            '--work-dir', str(job.folder), f'holds a run of other settings ({there}, and now '
            f'{job.digest})', 'go back to its settings, give another folder, or let the run be '
            'done again with --rerun-changed')


def check_result(job: Job, folder: Path, record: Mapping[str, Any]) -> None:
    """Refuse a finished run's files for another run to begin with where its record tells others.

    Args:
        job (Job): The finished run.
        folder (Path): Of the records.
        record (Mapping): Its record.

    Raises:
        ConfigError: With the remedy.
    """
    found = _metrics(_read(job.result))
    if found is not None and not same_scores(found, record['metrics']):
        raise config_error(
            '--work-dir', str(job.folder), f'holds another result of {job.key} than its record '
            f'{record_path(folder, job)}', 'give the folder that the record was made of, or '
            'remove the record: runs that begin with this one would be compared with another')


def _write(path: Path, content: Mapping[str, Any]) -> None:
    files.write_bytes(path, (json.dumps(content, indent=2) + '\n').encode())


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = files.parse_json(files.read_text(path))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
