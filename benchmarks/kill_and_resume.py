"""Kill runs of all toolboxes with SIGKILL, resume them, compare them bit by bit with whole ones.

    python benchmarks/kill_and_resume.py [--only pose] [--folder work_dirs/kill_and_resume]

Twenty moments for each toolbox, then each optimizer with and without EMA in both precisions. Two
workers load and augment at random; all is compared that a run leaves: weights, masks, EMA,
optimizer, schedules, counters, tickets, logged losses. Started again, the script goes on after the
last kill that is recorded; several may work at different toolboxes at once. The record goes to
``benchmarks/results/kill_and_resume.json`` and ``.md``. The helpers are those of
``tests/test_resume``.
"""
import argparse
import json
import shutil
import sys
import time
from itertools import product
from pathlib import Path

import forks
import kills
import toolbox_runs  # first: it makes the helpers of the tests importable
from machine import machine

from mmst.engine.run.resume import find_checkpoint

RESULTS = Path(__file__).resolve().parent / 'results' / 'kill_and_resume'

#: Where each kill falls, and its point as for ``kills.plan_kill``.
KILLS = {
    'between two epochs': ('between epochs', ('epoch', 2)),
    'before the first checkpoint': ('in an epoch', ('step', 1, 2)),
    'in the last iteration of an epoch': ('in an epoch', ('step', 3, 3)),
    'before gradients are masked': ('in an epoch', ('penalty and masking', 2, 2)),
    'before pruned weights are zeroed': ('in an epoch', ('zeroing', 4, 2)),
    'before the average is updated': ('in an epoch', ('averaging', 3, 2)),
    'first cut of the first search': ('in an event', ('search', 2, 1)),
    'inside the second search': ('in an event', ('search', 4, 5)),
    'before a mask is drawn': ('in an event', ('prune', 2)),
    'masks half in force': ('in an event', ('masks in force', 3, 1, True)),
    'inside a reactivation': ('in an event', ('reactivation', 4)),
    'inside a recalibration': ('in an event', ('recalibration', 4, 2)),
    'inside a validation': ('in an event', ('validation', 3)),
    'checkpoint half written': ('in a write', ('write epoch_', 3)),
    'checkpoint written, not renamed': ('in a write', ('rename epoch_', 2)),
    'checkpoint there, not yet the last': ('in a write', ('saving', 2, 1, True)),
    'last_checkpoint emptied': ('in a write', ('open last_checkpoint', 3, 1, True)),
    'ticket half written': ('in a write', ('write ticket', 3)),
    'ticket written, not renamed': ('in a write', ('rename ticket', 4, 2)),
    'best checkpoint half written': ('in a write', ('write best_', 5)),
}
#: Of the variants, in turn; all are possible without EMA.
IN_TURN = ('in the last iteration of an epoch', 'inside the second search', 'masks half in force',
           'before pruned weights are zeroed', 'checkpoint half written')


def main() -> int:
    """Run the cases that are not recorded yet; 1 if any run ended differently."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='+', choices=toolbox_runs.TASKS,
                        default=list(toolbox_runs.TASKS))
    parser.add_argument('--folder', type=Path, default=toolbox_runs.ROOT / 'work_dirs' /
                        'kill_and_resume', help='runs, and what is recorded so far')
    args = parser.parse_args()
    forks.PRELOAD.append('toolbox_runs')
    forks.PATHS.append(str(Path(__file__).resolve().parent))
    folder = args.folder.resolve()
    known = recorded(folder)
    todo = [case for case in cases() if case['toolbox'] in args.only and name(case) not in known]
    start = time.monotonic()
    for done, case in enumerate(todo):
        row = run(case, folder)
        record(row, folder)
        left = (time.monotonic() - start) / (done + 1) * (len(todo) - done - 1)
        print(f'{done + 1}/{len(todo)}  {name(case)}: {outcome(row)}, {row["seconds"]:.0f} s; '
              f'{left / 60:.0f} min left', flush=True)
    rows = recorded(folder)
    rows = [rows[name(case)] for case in cases() if name(case) in rows]
    write_record(rows)
    return int(any(row['differences'] for row in rows))


# -------------------------------------------------------------------------------- the cases


def cases() -> list:
    """Return all kills, as plain data."""
    found = [dict(toolbox=task, changes={}, kill=kill)
             for task in toolbox_runs.TASKS for kill in KILLS]
    variants = product(toolbox_runs.OPTIMIZERS, (True, False), (False, True))
    for i, (optimizer, ema, bf16) in enumerate(variants):
        found.append(dict(toolbox=list(toolbox_runs.TASKS)[i % 3], kill=IN_TURN[i % len(IN_TURN)],
                          changes=dict(optimizer=optimizer, ema=ema, bf16=bf16)))
    return found


def run_name(case: dict) -> str:
    """Return the name of the toolbox's run and its variant."""
    changes = case['changes']
    if not changes:
        return case['toolbox']
    return '{}_{}_{}_{}'.format(case['toolbox'], changes['optimizer'],
                                'ema' if changes['ema'] else 'no-ema',
                                'bf16' if changes['bf16'] else 'fp32')


def name(case: dict) -> str:
    """Return the name of one kill of one run."""
    return f'{run_name(case)}: {case["kill"]}'


def run(case: dict, folder: Path) -> dict:
    """Kill, resume, compare; returns a row of the record."""
    start = time.monotonic()
    whole, settings = uninterrupted(case, folder)
    place, point = KILLS[case['kill']]
    own = folder / f'killed_{case["toolbox"]}'
    shutil.rmtree(own, ignore_errors=True)
    kills.killed(own, point, **settings)
    last = find_checkpoint(own / kills.WORK)
    kills.finish(own, **settings)
    resumed = kills.left(own)
    found = kills.differences(kills.left(whole), resumed)
    found += [str(path.relative_to(own)) for path in own.rglob('*.tmp')]
    row = dict(case, place=place, point=point, moment=json.loads((own / kills.MOMENT).read_text()),
               resumed_from=last and Path(last).name, values=count(resumed), differences=found[:20],
               seconds=round(time.monotonic() - start, 1))
    if found:  # for a closer look
        own.rename(folder / f'differs_{time.time():.0f}')
    return row


def uninterrupted(case: dict, folder: Path) -> tuple:
    """Return the folder of the whole run, trained where it is missing, and its settings."""
    data, own = folder / case['toolbox'], folder / f'whole_{run_name(case)}'
    if not (data / 'config.txt').is_file():
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        toolbox_runs.write(case['toolbox'], data)
    settings = dict(build=toolbox_runs.settings, task_folder=str(data), **case['changes'])
    if not (own / 'finished').is_file():
        shutil.rmtree(own, ignore_errors=True)
        kills.finish(own, resume=False, **settings)
        (own / 'finished').touch()
    return own, settings


def count(value) -> int:
    """Return the numbers of tensors and plain values that were compared."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    return sum(map(count, value)) if isinstance(value, (list, tuple)) else 1


def outcome(row: dict) -> str:
    """Return the outcome in words."""
    differences = row['differences']
    return f'DIFFERS in {", ".join(differences[:3])}' if differences else 'identical'


# --------------------------------------------------------------------------------- the record


def recorded(folder: Path) -> dict:
    """Return rows so far by name."""
    path = folder / 'rows.jsonl'
    lines = path.read_text().splitlines() if path.is_file() else []
    return {name(row): row for row in map(json.loads, lines)}


def record(row: dict, folder: Path) -> None:
    """Add a row."""
    with open(folder / 'rows.jsonl', 'a') as file:
        file.write(json.dumps(row) + '\n')


def write_record(rows: list) -> None:
    """Write both files, from the rows that there are."""
    content = dict(command='python benchmarks/kill_and_resume.py', machine=machine(), rows=rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.with_suffix('.json').write_text(json.dumps(content, indent=1) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(content))


def markdown(content: dict) -> str:
    """Return the record for people."""
    rows, host = content['rows'], content['machine']
    same = sum(not row['differences'] for row in rows)
    inside = sum(row['place'] != 'between epochs' for row in rows)
    lines = [
        '# Killed, resumed, compared', '',
        f'{same} of {len(rows)} runs that were killed with SIGKILL and resumed ended bit for bit '
        f'like uninterrupted ones; {inside} of the kills fell in the middle of an epoch, inside an '
        'event or inside a write. Compared were all files that a run leaves (weights, masks, EMA, '
        'optimizer, schedules, counters, tickets) and the values logged at each step, '
        f'{min(row["values"] for row in rows)} tensors and values or more a run; only clocks were '
        'left out. Narrowed configs of the three toolboxes on generated data, '
        f'{toolbox_runs.EPOCHS} epochs of {toolbox_runs.ITERATIONS} iterations, two workers, '
        'random augmentation.', '',
        f'`{content["command"]}`, {sum(row["seconds"] for row in rows) / 60:.0f} minutes, one '
        f'thread, other work on the same machine; {host["cpu"]}, {host["cores"]} cores, Python '
        f'{host["python"]}, torch {host["torch"]}, mmengine {host["mmengine"]}.', '',
        '## The configs as shipped', '',
        'Of each run: iterations done when it was killed, the checkpoint that it went on from, and '
        'how it ended.', '', f'| kill | place | {" | ".join(toolbox_runs.TASKS)} |',
        '| --- | --- ' + '| --- ' * 3 + '|'
    ]
    shipped = {(row['toolbox'], row['kill']): row for row in rows if not row['changes']}
    for kill, (place, _) in KILLS.items():
        cells = [cell(shipped.get((task, kill))) for task in toolbox_runs.TASKS]
        lines.append(f'| {kill} | {place} | {" | ".join(cells)} |')
    lines += ['', '## Optimizers, with and without EMA, both precisions', '',
              '| toolbox | optimizer | EMA | precision | kill | |', '| --- ' * 6 + '|']
    for row in rows:
        if row['changes']:
            changes = row['changes']
            lines.append(f'| {row["toolbox"]} | {changes["optimizer"]} | '
                         f'{"yes" if changes["ema"] else "no"} | '
                         f'{"bf16" if changes["bf16"] else "fp32"} | {row["kill"]} | {cell(row)} |')
    return '\n'.join([*lines, ''])


def cell(row) -> str:
    """Return the moment and outcome of a kill."""
    if row is None:
        return 'not run'
    return (f'{row["moment"]["iterations"]}, {row["resumed_from"] or "the start"}: {outcome(row)}')


if __name__ == '__main__':
    sys.exit(main())
