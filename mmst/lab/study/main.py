"""Runs a study from the command line to its table."""
import argparse
import fnmatch
import os.path as osp
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ... import files
from ...errors import TrainingError, config_error
from ...settings.checks import check_number
from ..scenes import generate
from .devices import slots
from .graph import sort_runs
from .jobs import Job, make_jobs
from .plan import Plan, check_beginnings, make_plan
from .progress import Progress
from .runner import StudyRunner
from .size import Size, load_size
from .spec import Study
from .table import fill_table
from .write import write_results


def conduct(study: Study, args: argparse.Namespace, tools: Path, configs: Path) -> None:
    """Check, run the jobs that are left, write the table.

    Args:
        study (Study): The study to conduct.
        args (Namespace): Of ``mmst study``.
        tools (Path): Folder of the tools.
        configs (Path): Folder ``configs/studies``.

    Raises:
        MMSTError: Something in the files is wrong, or runs have failed.
    """
    if args.jobs is not None:
        check_number('--jobs', args.jobs, low=1, whole=True, remedy='use 1')
    size = load_size(find_file(args.size, configs / 'sizes'))
    work_dir = args.work_dir or Path('work_dirs/studies', size.name)
    records = args.records or work_dir / 'records'
    jobs, wanted = jobs_of(study, size, args, work_dir)
    plan = make_plan(jobs, wanted, records, args.rerun_changed)
    if args.dry_run:
        list_jobs(plan, jobs)
        return
    failed = {} if args.table else execute(plan, args, size, tools, records)
    write(study, plan, size, args.out or work_dir / 'tables')
    if failed:
        first = next(iter(failed))
        raise TrainingError(
            f'{len(failed)} of {len(plan.todo)} runs are missing; {first}: {failed[first]} Remedy: '
            'correct the cause, then call the study again: finished runs are kept.')


def find_file(name: str, folder: Path) -> Path:
    """Return a path, or the name of one of the project's own files."""
    own = folder / f'{name}.py'
    return own if osp.isfile(own) else Path(name)


def jobs_of(study: Study, size: Size, args: argparse.Namespace, work_dir: Path):
    """Return all jobs that the study may need, by key, and the keys of those that are rows.

    Raises:
        ConfigError: There is no such run, runs need each other, or none is left.
    """
    names = sort_runs(study.runs, study.row_names())
    names = [name for name in names if has_configs(study, name, size)]
    rows = [name for name in study.row_names() if name in names]
    if args.only:
        unknown = [p for p in args.only if not fnmatch.filter(names, p)]
        if unknown:
            raise config_error('--only', unknown[0], 'no run of the study at this size',
                               f'use e.g. {", ".join(rows[-3:])}')
        rows = [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in args.only)]
    if not rows:
        raise config_error('--size', args.size, f'has no config for the data of {study.name}',
                           f'add {study.sections[0].data} to configs of the size')
    jobs = make_jobs(study.runs, names, args.seeds or study.seeds, size, work_dir,
                     args.cfg_options or {})
    return jobs, [key for key, job in jobs.items() if job.run.name in rows]


def has_configs(study: Study, name: str, size: Size) -> bool:
    """Return whether the size has configs for a run and its needs."""
    run = study.runs[name]
    return run.data in size.configs and all(
        has_configs(study, other, size) for other in run.needs.values())


def list_jobs(plan: Plan, jobs: Mapping[str, Job]) -> None:
    """Print the jobs left, with the minutes that they take at the speed of finished runs."""
    speeds = seconds_an_epoch(plan, jobs)
    for job in plan.todo:
        speed = speeds.get(job.run.data)
        time = '' if speed is None else f', about {minutes(speed * job.length)}'
        print(f'{job.key}: tools/{job.run.tool}.py, about {job.length:g} epochs{time}')
    unknown = sorted({job.run.data for job in plan.todo} - set(speeds))
    total = sum(speeds.get(job.run.data, 0.) * job.length for job in plan.todo)
    known = f'; about {minutes(total)} one after the other' if plan.todo and total else ''
    rest = f'; minutes on {", ".join(unknown)} are known once a run has finished' if unknown else ''
    print(f'{len(plan.todo)} runs to do, {len(plan.records)} done{known}{rest}')


def seconds_an_epoch(plan: Plan, jobs: Mapping[str, Job]) -> dict[str, float]:
    """Return seconds an epoch of the finished runs on each data set, but of those ended before."""
    spent: dict[str, list[float]] = {}
    for key, record in plan.records.items():
        if isinstance(record.get('seconds'), (int, float)) and jobs[key].length > 0:
            sums = spent.setdefault(jobs[key].run.data, [0., 0.])
            sums[0] += record['seconds']
            sums[1] += jobs[key].length
    return {data: seconds / epochs for data, (seconds, epochs) in spent.items()}


def minutes(seconds: float) -> str:
    """Return ``'3 min'``; at least one."""
    return f'{max(1, round(seconds / 60))} min'


def execute(plan: Plan, args: argparse.Namespace, size: Size, tools: Path,
            records: Path) -> dict[str, str]:
    """Generate data where the size says so, then do the jobs left; return the failed ones."""
    if not plan.todo:
        return {}
    check_beginnings(plan, records)
    records.mkdir(parents=True, exist_ok=True)
    files.remove_leftovers(records)
    for data in dict.fromkeys(job.run.data for job in plan.todo):
        if data in size.generate:
            generate(**size.generate[data])
    with Progress(plan.todo) as progress:
        runner = StudyRunner(plan, slots(args.jobs), str(tools), records, size.name, progress)
        return runner.run()


def write(study: Study, plan: Plan, size: Size, out: Path) -> dict[str, Any]:
    """Write tables and figures of all records, and print their paths."""
    table = fill_table(at_size(study, size), plan.records, size.name)
    paths = write_results(table, out)
    print((out / f'{study.name}.md').read_text())
    print('written: ' + ' '.join(str(path) for path in paths))
    return table


def at_size(study: Study, size: Size) -> Study:
    """Return the study without sections and rows that the size has no configs for."""
    sections = []
    for section in study.sections:
        rows = [row for row in section.rows if has_configs(study, row.run, size)]
        kept = {row.run for row in rows}
        curves = {label: [run for run in runs if run in kept]
                  for label, runs in section.curves.items()}
        if section.data in size.configs and rows:
            sections.append(type(section)(section.title, section.data, section.metrics, rows, {
                label: runs for label, runs in curves.items() if runs}))
    return type(study)(study.name, study.title, study.source, study.seeds, study.runs, sections,
                       study.claims)
