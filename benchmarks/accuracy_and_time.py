"""Draw a study's accuracy against multiply-adds and against milliseconds on this machine.

    mmst study sparse_training --size camvid_long --seeds 0 1 2 --records DIR
    python benchmarks/accuracy_and_time.py sparse_training --size camvid_long --seeds 0 1 2 \\
        --records DIR

Each finished run's network is timed where the study has left its ticket, and the dense supernet by
its config, since untrained weights take as long: pruned networks by the sparse engine, dense ones
by onnxruntime, on one thread and by turns. A run's time is the median of its calls; a row's, the
mean over its seeds. The record goes to ``accuracy_and_time.json`` next to the records, the figure
to ``docs/images/accuracy_and_time.png``. Where no ticket is left, the record that is there keeps
its times and their machine, but for runs that have been repeated since. Times of two calls are
never put together: they compare only where they were taken side by side.
"""
import argparse
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from mmst import files
from mmst.cli.places import STUDIES
from mmst.costs.cost import image_channels
from mmst.deploy.ticket_cost import config_network
from mmst.engine.run.config_file import read_config
from mmst.lab.demo.speed import Exporter, attempt, milliseconds, sparse_engine
from mmst.lab.machine import machine
from mmst.lab.study.jobs import Job
from mmst.lab.study.main import at_size, find_file, jobs_of
from mmst.lab.study.plan import Plan, make_plan
from mmst.lab.study.size import load_size
from mmst.lab.study.spec import parse_study, read_settings
from mmst.lab.study.table import fill_table, over_seeds
from mmst.lab.style import COLOURS, GREY, MARKERS, as_pictures, plot_style
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket

ROOT = Path(__file__).resolve().parent.parent
#: What a run's name begins with, to the label of its kind; the first that fits counts.
KINDS = {'dense': 'dense supernet', 'search': 'searched, not pruned',
         'sp_': 'search, then prune once', 'gmp': 'search, then GMP or AC/DC',
         'acdc': 'search, then GMP or AC/DC', 'st_': 'SuperTickets: two-in-one + PP + IR-S',
         'two_in_one': 'parts of the method'}


def main() -> None:
    """Time the networks, write record and figure."""
    args = parse_arguments()
    study, size = read_study(args), load_size(find_file(args.size, STUDIES / 'sizes'))
    jobs, wanted = jobs_of(study, size, args, args.work_dir or Path(
        'work_dirs/studies', size.name))
    plan = make_plan(jobs, wanted, args.records)
    done = {key: jobs[key] for key in wanted if key in plan.records}
    table = fill_table(at_size(study, size), plan.records, size.name)
    path = args.records / 'accuracy_and_time.json'
    if any(map(has_ticket, done.values())):
        times, place = time_networks(done, plan), machine()
    else:
        times, place = read_times(path, done, table)
    record = dict(study=study.name, size=size.name, machine=place, threads=1,
                  rows=points(table, times, done))
    files.write_bytes(path, (json.dumps(record, indent=2) + '\n').encode())
    files.write_bytes(args.figure, draw(record['rows'], table))
    print(f'written: {path} {args.figure}')


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('study')
    parser.add_argument('--size', required=True)
    parser.add_argument('--seeds', type=int, nargs='+')
    parser.add_argument('--records', type=Path, required=True)
    parser.add_argument('--work-dir', type=Path)
    parser.add_argument('--figure', type=Path, default=ROOT / 'docs/images/accuracy_and_time.png')
    parser.set_defaults(only=None, cfg_options=None)
    return parser.parse_args()


def read_study(args: argparse.Namespace) -> Any:
    """Return the study of that name or path."""
    path = find_file(args.study, STUDIES)
    return parse_study(path.stem, read_settings(path, 'STUDY', 'give the name of a study'))


def has_ticket(job: Job) -> bool:
    """Return whether the study has left a run's ticket."""
    return (job.folder / 'ticket.pth').is_file()


def read_times(path: Path, jobs: Mapping[str, Job], table: Mapping[str, Any],
               ) -> tuple[dict[str, float], dict[str, str]]:
    """Return the milliseconds of runs that an earlier record holds, and their machine; not those of
    runs that have another score now.
    """
    if not path.is_file():
        raise SystemExit(f'no run has a ticket, and {path} holds no times of before')
    record = json.loads(path.read_text())
    found, before = (_by_run_and_seed((row['run'], row[part]) for row in record['rows'])
                     for part in ('milliseconds', 'score'))
    now = _by_run_and_seed((row['run'], first_score(row))
                           for part in table['sections'] for row in part['rows'])
    names = {key: (job.run.name, job.seed) for key, job in jobs.items()}
    return {key: found[name] for key, name in names.items()
            if name in found and now.get(name) == before[name]}, record['machine']


def _by_run_and_seed(rows: Iterable[tuple[str, Any]]) -> dict[tuple[str, int], float]:
    return {(run, seed): value for run, found in rows
            for seed, value in zip(found['seeds'], found['values'], strict=True)}


def first_score(row: Mapping[str, Any]) -> Any:
    """Return a row's scores by its first metric, over seeds."""
    return next(iter(row['metrics'].values()))


def is_dense(job: Job) -> bool:
    """Return whether a run trains the supernet as it is."""
    return job.run.name.endswith('.dense')


def untrained(job: Job) -> Ticket:
    """Return the supernet of a run's config as a ticket."""
    cfg = read_config(str(job.config))
    scope = cfg.get('default_scope')
    return Ticket.from_model(config_network(cfg.model, scope), cfg.model, Mask({}),
                             dict(default_scope=scope))


def time_networks(jobs: Mapping[str, Job], plan: Plan) -> dict[str, float]:
    """Return the milliseconds of each run whose ticket is there, all of them by turns."""
    tickets = {key: Ticket.load(job.folder / 'ticket.pth') if has_ticket(job) else untrained(job)
               for key, job in jobs.items() if has_ticket(job) or is_dense(job)}
    shapes = {tuple(plan.records[key]['input_shape']) for key in tickets}
    if len(shapes) != 1:
        raise SystemExit(f'one image size is needed, the runs have {sorted(shapes)}')
    shape, runs = shapes.pop(), {}
    with tempfile.TemporaryDirectory() as folder, Exporter(shape, Path(folder)) as export:
        dense = {key: export(key, ticket) for key, ticket in tickets.items()
                 if not ticket.sparsity}
        for key, ticket in tickets.items():
            make = dense[key] if key in dense else lambda t=ticket: sparse_engine(t)
            run, why = attempt(make)
            if run is None:
                print(f'{key}: not timed, {why}')
            else:
                runs[key] = run
        image = torch.randn(1, image_channels(next(iter(tickets.values())).build()), *shape)
        return milliseconds(runs, image)


def points(table: Mapping[str, Any], times: Mapping[str, float],
           jobs: Mapping[str, Job]) -> list[dict[str, Any]]:
    """Return the rows that have scores, with means over seeds of their multiply-adds and times."""
    rows = []
    # Sections share the rows that are not pruned: each is a point once.
    for row in {row['run']: row for part in table['sections'] for row in part['rows']}.values():
        score = first_score(row)
        own = {job.seed: times[key] for key, job in jobs.items()
               if job.run.name == row['run'] and key in times}
        if score['mean'] is None or kind(row['run']) is None:
            continue
        rows.append(dict(run=row['run'], label=row['label'], kind=kind(row['run']),
                         seeds=row['seeds'], score=score, macs=row['costs']['macs_layers'],
                         milliseconds=over_seeds(own)))
    return rows


def kind(run: str) -> str | None:
    """Return the label of a run's kind; None where it is drawn nowhere (a constant answer)."""
    name = run.rpartition('.')[2]
    return next((label for start, label in KINDS.items() if name.startswith(start)), None)


def draw(rows: Sequence[Mapping[str, Any]], table: Mapping[str, Any]) -> bytes:
    """Return the figure as PNG: left against multiply-adds, right against milliseconds."""
    metric = table['sections'][0]['metrics'][0]
    labels = list(dict.fromkeys(KINDS.values()))
    with plot_style() as plt:
        figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout='constrained')
        for axis, title, where in ((axes[0], 'multiply-adds of kept weights (millions)',
                                    lambda row: row['macs'] / 1e6),
                                   (axes[1], 'milliseconds a frame, one thread',
                                    lambda row: row['milliseconds']['mean'])):
            for row in rows:
                if where(row) is not None:
                    mark(axis, where(row), row, labels.index(row['kind']))
            axis.set_xscale('log')
            label_with_numbers(axis.xaxis)
            axis.set_xlabel(title)
        axes[0].set_ylabel(f'{metric} (bars: range over seeds)')
        handles = [plt.Line2D([], [], linestyle='', marker=MARKERS[i], label=label,
                              color=colour(i)) for i, label in enumerate(labels)
                   if any(row['kind'] == label for row in rows)]
        figure.legend(handles=handles, loc='outside lower center', ncols=3, frameon=False)
        picture = as_pictures(figure)['png']
        plt.close(figure)
    return picture


def label_with_numbers(axis: Any) -> None:
    """Label 1, 2 and 5 of each power of ten, as plain numbers: powers would overlap."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f'{value:g}'))
    axis.set_minor_formatter(NullFormatter())


def mark(axis: Any, place: float, row: Mapping[str, Any], number: int) -> None:
    """Draw one row: its mean, and its range over seeds."""
    score = row['score']
    axis.errorbar(place, score['mean'], color=colour(number), marker=MARKERS[number],
                  yerr=[[score['mean'] - score['min']], [score['max'] - score['mean']]])


def colour(number: int) -> str:
    """Return the colour of a kind; grey for the two that are not pruned."""
    return GREY if number < 2 else COLOURS[number - 2]


if __name__ == '__main__':
    main()
