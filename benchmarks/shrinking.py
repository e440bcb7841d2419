"""Measures a training step as the network shrinks, and by width, size and number of processes.

    python benchmarks/shrinking.py                       # all parts, sizes for a small machine
    python benchmarks/shrinking.py --only shrink --size 2 256 512 --rounds 5
    python benchmarks/shrinking.py --only loading --work-dir work_dirs/demo

Of processor time: on a machine with a GPU hide it (``CUDA_VISIBLE_DEVICES=``).
``loading`` reads the log of a run that ``make demo`` has made. Results are added to
``benchmarks/results/shrinking.json`` and ``.md``; the figure is ``shrinking.png`` and ``.svg``.
"""
import argparse
import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
import torch.multiprocessing as mp
from machine import machine
from mmengine import dist
from mmengine.config import Config
from mmengine.runner import Runner
from pairing import load, measure, summary
from training_forms import form
from training_report import table
from training_tasks import clean, make_batch, network, runner, step

from mmst.costs.cost import layer_costs, total
from mmst.engine import PruneHook, SearchHook
from mmst.engine.run.launcher import start_processes, stop_processes, with_wrapper
from mmst.engine.run.runner_views import find_hook, unwrap
from mmst.pruning.prunable import prunable_weights
from mmst.search.recalibrate import batch_norms
from mmst.search.surgery import Cut
from mmst.search.units import find_units

RESULTS = Path(__file__).resolve().parent / 'results' / 'shrinking.json'
SHARES = (1., 0.8, 0.6, 0.4, 0.2, 0.1)
WIDTHS, SCALES = (0.5, 1., 2.), (1, 2)
EVENTS = ('step', 'search', 'prune')


def main() -> int:
    """Measure the chosen parts and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', type=int, nargs=3, default=(1, 64, 128),
                        metavar=('N', 'H', 'W'), help='images, height and width')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--transformer', choices=('all', 'none'), default='all')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    parser.add_argument('--only', nargs='+', choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    args.task = 'segmentation'
    torch.set_num_threads(args.threads)
    for name in args.only:
        record(args, name, PARTS[name](args))
    print(RESULTS.with_suffix('.md').read_text())
    return 0


def record(args: argparse.Namespace, part: str, found: dict) -> None:
    """Add one part's result to the others."""
    parts = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    size = ' '.join(map(str, args.size))
    parts[part] = dict(
        found, command=f'python benchmarks/shrinking.py --only {part} --size {size} --rounds '
        f'{args.rounds} --threads {args.threads} --transformer {args.transformer}',
        size=list(args.size), machine=machine(), load=load())
    RESULTS.write_text(json.dumps(parts, indent=2) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(parts))


# -------------------------------------------------------------------------- what is measured


def shrink(args: argparse.Namespace) -> dict:
    """Return steps of the network at several shares of its units, removed at random."""
    batch, candidates, macs = make_batch(args.task, *args.size), {}, {}
    for share in SHARES:
        training = form(args, separate=False, channels_last=True, kernel='all')
        remove(training, share)
        name = f'{share:.0%}'
        macs[name] = total(layer_costs(training.model, args.size[1:]))['macs']
        candidates[name] = lambda t=training: t.step(batch)
    found = summary(measure(candidates, args.rounds), '100%')
    rows = [dict(found[name], units=name, macs=macs[name]) for name in candidates]
    draw(rows)
    return dict(rows=rows)


def remove(training, share: float) -> None:
    """Keep a random share of each group's units, as a search removes the others."""
    torch.manual_seed(2)
    cut = Cut(training.wrapper.optimizer.state, training.wrapper.masks)
    groups, copies = find_units(training.model), find_units(training.ema.module)
    for name, group in groups.items():
        index = (torch.rand(len(group)) < share).nonzero().flatten()
        group.keep(index, cut)
        copies[name].keep(index, Cut())
    groups, penalty = find_units(training.model), training.wrapper.penalty
    penalty.scales = [g.gamma for g in groups.values()]
    penalty.costs = [torch.ones(len(g)) for g in groups.values()]


def scaling(args: argparse.Namespace) -> dict:
    """Return a step, a search and a prune at several widths and resolutions, a batch of one size.
    """
    rows = []
    for width in WIDTHS:
        for scale in SCALES if width == 1 else (1, ):
            size = (args.size[0], args.size[1] * scale, args.size[2] * scale)
            run = runner(args.task, args.transformer, size, True, width=width)
            size_before = params(run)  # searches remove units
            found = summary(measure(events(args, run, size), args.rounds), 'step')
            rows.append(dict(width=width, size=list(size), params=size_before, **{
                name: found[name]['processor_ms'] for name in EVENTS}))
            clean(dict(run=run))
    return dict(rows=rows)


def events(args: argparse.Namespace, run: Runner, size) -> dict[str, Callable[[], object]]:
    """Return a step, a prune and a search that removes a tenth of the units, and what these two
    need.
    """
    batch = make_batch(args.task, *size)
    prune, search = find_hook(run, PruneHook), find_hook(run, SearchHook)
    return dict(step=lambda: step(run, batch), prune=lambda: prune.draw(run, 1, 0.9),
                lift=lambda: prune.lift(run, 1), weaken=lambda: weaken(run, 0.1),
                search=lambda: search.search(run, 10))


@torch.no_grad()
def weaken(run: Runner, share: float) -> None:
    """Make a random share of the units unimportant, of the averaged network too."""
    for model in (unwrap(run), *[h.ema_model.module for h in run.hooks
                                    if hasattr(h, 'ema_model')]):
        generator = torch.Generator().manual_seed(3)
        for group in find_units(model).values():
            group.gamma[torch.rand(len(group), generator=generator) < share] = 0.


def params(run: Runner) -> int:
    """Return parameters of the network that a runner trains."""
    return sum(p.numel() for p in unwrap(run).parameters())


def processes(args: argparse.Namespace) -> dict:
    """Return weak scaling: two-in-one training by one process, and by two that exchange gradients.

    Each has a batch of its own; gloo connects them. Times are the clock's: processes that share
    cores with other work wait for each other.
    """
    rows = []
    for count in (1, 2):
        with mp.Manager() as manager:
            rows.append(manager.dict())
            mp.spawn(_rank, (count, free_port(), args, rows[-1]), nprocs=count)
            rows[-1] = dict(rows[-1], processes=count)
    return dict(rows=rows)


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def _rank(rank: int, count: int, port: int, args: argparse.Namespace, found: dict) -> None:
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port), RANK=str(rank),
                      WORLD_SIZE=str(count), LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    cfg = with_wrapper(Config(dict(launcher='pytorch' if count > 1 else 'none')))
    start_processes(cfg)
    run = runner(args.task, args.transformer, args.size, True, cfg=cfg, launcher=cfg.launcher)
    times = measure(events(args, run, args.size), args.rounds, prepare=lambda name: dist.barrier())
    if not rank:
        found.update({name: summary(times, 'step')[name]['clock_ms'] for name in EVENTS})
    clean(dict(run=run))
    stop_processes()


def loading(args: argparse.Namespace) -> dict:
    """Return the share of the time that steps wait for data, per epoch, in the log of a run."""
    logs = sorted(args.work_dir.glob('*/vis_data/scalars.json'))
    if not logs:
        sys.exit(f'{args.work_dir}: no log of a run. Remedy: make demo, or give --work-dir.')
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    epochs: dict[int, list[float]] = {}
    for line in lines:
        if 'data_time' in line and 'loss' in line:
            epochs.setdefault(line['epoch'], []).append(line['data_time'] / line['time'])
    shares = [sum(values) / len(values) for values in epochs.values()]
    return dict(epochs=len(shares), mean=sum(shares) / len(shares), largest=max(shares),
                run=args.work_dir.name)


def communication(args: argparse.Namespace) -> dict:
    """Return bytes that a GPU sends, from the shapes of the network; nothing is measured."""
    model = network(args.task, args.transformer)
    gradients = 4 * sum(p.numel() for p in model.parameters())
    units = sum(len(group) for group in find_units(model).values())
    statistics_ = 8 * sum(bn.num_features for bn in batch_norms(model))
    mask = sum(w.numel() for w in prunable_weights(model).values())
    gpus = {str(n): 2 * (n - 1) / n * gradients for n in (8, 64)}
    return dict(gradients=gradients, ring=gpus, mask=mask, statistics=statistics_, units=units)


PARTS: dict[str, Callable[[argparse.Namespace], dict]] = dict(
    shrink=shrink, scaling=scaling, processes=processes, communication=communication,
    loading=loading)

# -------------------------------------------------------------------------------- the record


def draw(rows: list[dict]) -> None:
    """Draw step time against remaining MACs."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(5, 3.6), constrained_layout=True)
    full = rows[0]
    macs = [row['macs'] / full['macs'] for row in rows]
    times = [1 / row['speedup'] for row in rows]
    axes.plot([0, 1], [0, 1], color='0.7', linestyle='--', label='in proportion')
    axes.plot(macs, times, marker='o', label='training step')
    axes.set(xlabel='multiply-adds left (share of the supernet\'s)',
             ylabel='time of a step (share)', xlim=(0, 1.05), ylim=(0, 1.1))
    axes.legend(frameon=False)
    axes.spines[['top', 'right']].set_visible(False)
    for ending in ('png', 'svg'):
        figure.savefig(RESULTS.with_suffix(f'.{ending}'), dpi=150)
    pyplot.close(figure)


def markdown(parts: dict[str, dict]) -> str:
    """Return the record for people."""
    lines = ['# A shrinking network', '',
             'Medians of interleaved rounds, of processor time unless the clock is named.']
    for name, found in parts.items():
        where = found['machine']
        lines += ['', f'## {TITLES[name]}', '', *WRITERS[name](found), '',
                  f'`{found["command"]}` on {where["cpu"]}, {where["cores"]} cores, torch '
                  f'{where["torch"]}, load average {found["load"]}.']
    return '\n'.join(lines) + '\n'


def _shrink(found: dict) -> list[str]:
    full = found['rows'][0]
    return ['![Step time against multiply-adds left](shrinking.png)', '', *table(
        ('units left', 'GMACs', 'share', 'step (ms)', 'share of the time'),
        [(r['units'], f'{r["macs"] / 1e9:.3f}', f'{r["macs"] / full["macs"]:.0%}',
          f'{r["processor_ms"]:.0f}', f'{1 / r["speedup"]:.0%}') for r in found['rows']])]


#: Of both tables below.
ROUNDS = 'A search removes a tenth of the units; the rounds after it go on with the rest.'


def _scaling(found: dict) -> list[str]:
    return [ROUNDS, '', *table(
        ('width', 'batch', 'parameters (M)', 'step (ms)', 'search (ms)', 'prune (ms)'),
        [(f'{r["width"]:g}', 'x'.join(map(str, r['size'])), f'{r["params"] / 1e6:.1f}',
          *_milliseconds(r)) for r in found['rows']])]


def _processes(found: dict) -> list[str]:
    return [ROUNDS, '', *table(
        ('processes', 'step by the clock (ms)', 'search (ms)', 'prune (ms)'),
        [(str(r['processes']), *_milliseconds(r)) for r in found['rows']])]


def _milliseconds(row: dict) -> list[str]:
    return [f'{row[name]:.0f}' for name in EVENTS]


def _communication(found: dict) -> list[str]:
    def mega(n):
        return f'{n / 1e6:.1f} MB'

    rows = [(f'gradients, {n} GPUs (ring all-reduce)', 'each step', mega(sent))
            for n, sent in found['ring'].items()]
    rows += [('mask (broadcast)', 'each prune', mega(found['mask'])),
             ('BN statistics (all-reduce)', 'each recalibration', mega(found['statistics'])),
             (f'indices of up to {found["units"]} units (broadcast)', 'each search',
              mega(4 * found['units']))]
    return ['Computed from the supernet\'s shapes, not measured; it falls as the network shrinks.',
            '', *table(('what a GPU sends', 'when', 'size'), rows)]


def _loading(found: dict) -> list[str]:
    return [f'Steps of {found["run"]} waited for data {found["mean"]:.1%} of their time (mean over '
            f'{found["epochs"]} epochs; at most {found["largest"]:.1%}).']


TITLES = dict(shrink='Step time against remaining multiply-adds',
              scaling='Width and resolution', processes='Processes',
              communication='Communication', loading='Data loading')
WRITERS = dict(shrink=_shrink, scaling=_scaling, processes=_processes,
               communication=_communication, loading=_loading)

if __name__ == '__main__':
    sys.exit(main())
