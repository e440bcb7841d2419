"""Plans the rest of a study."""
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from .jobs import Job, has_supplies
from .records import check_folder, check_result, read_mark, read_record, record_path


@dataclass(frozen=True)
class Plan:
    """Orders jobs by their needs, and holds the records of the others."""
    todo: Sequence[Job]
    records: dict[str, dict[str, Any]]


def make_plan(jobs: Mapping[str, Job], wanted: Sequence[str], folder: Path,
              rerun_changed: bool = False) -> Plan:
    """Return a plan of the jobs that have no record, or are needed for their files.

    Args:
        jobs (Mapping[str, Job]): All jobs by key, each after those that it needs.
        wanted (Sequence[str]): Keys of the jobs whose results are wanted.
        folder (Path): Of the records.
        rerun_changed (bool): Do runs again whose settings have changed, rather than to refuse.

    Raises:
        ConfigError: Settings have changed since a record or a work directory was made.
    """
    records = {}
    for key, job in jobs.items():
        if rerun_changed:
            drop_changed(job, folder)
        record = read_record(folder, job)
        if record is not None:
            records[key] = record
    needed: set[str] = set()
    for key in wanted:
        if key not in records:
            _need(jobs[key], needed, records)
    todo = [job for key, job in jobs.items() if key in needed]
    for job in todo:
        check_folder(job)
    return Plan(todo, records)


def check_beginnings(plan: Plan, folder: Path) -> None:
    """Refuse a plan whose runs would begin with other results of finished ones than the recorded.

    Raises:
        ConfigError: Naming the first.
    """
    todo = {job.key for job in plan.todo}
    for job in plan.todo:
        for other in job.needs.values():
            if other.key not in todo:
                check_result(other, folder, plan.records[other.key])


def drop_changed(job: Job, folder: Path) -> None:
    """Remove record and files of a job that come from other settings."""
    try:
        read_record(folder, job)
    except ConfigError:
        record_path(folder, job).unlink()
    if read_mark(job) not in (None, job.digest):
        shutil.rmtree(job.folder)


def _need(job: Job, needed: set[str], records: Mapping[str, Any]) -> None:
    if job.key in needed:
        return
    needed.add(job.key)
    for role, other in job.needs.items():
        finished = other.key in records and read_mark(other) == other.digest
        if not finished or not has_supplies(other, role):
            _need(other, needed, records)


def blocked_by(job: Job, failed: set[str]) -> list[str]:
    """Return keys of failed jobs that a job needs."""
    return [other.key for other in job.needs.values() if other.key in failed]
