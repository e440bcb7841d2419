"""Measures tickets on a CPU, all runtimes side by side, with multiply-adds and times.

    python benchmarks/latency_tickets.py   # trains the full-width supernet and prunes it
    python benchmarks/latency.py --size 512 1024

Each round runs every candidate in turn, so that other work of the machine hits all of them
alike; a ratio is the median of the rounds' ratios. A candidate runs twice: the second call is what
a network takes that runs by itself, the first begins with caches that the others have filled. The
record goes to ``benchmarks/results/latency_HxW.json`` and ``.md``.
"""
import argparse
import copy
import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
from ceilings import bytes_moved, ceilings
from latency_report import markdown
from latency_runtimes import Run, make_candidates, versions
from machine import machine
from networks import describe, kept_by_kind, load_networks, random_image
from torch import Tensor, nn

from mmst.deploy.sparse import SparseModel

ROOT = Path(__file__).resolve().parent
RESULTS, RUN = ROOT / 'results', ROOT.parent / 'work_dirs/full_width'
#: Candidate to the times of each round in milliseconds: of its second call by the clock and of
#: processor, and of its first call, of processor.
Times = dict[str, list[tuple[float, float, float]]]
#: Speed-ups are relative to the first of these that could be run, else to the first row.
REFERENCES = ('onnxruntime, searched', 'torch, searched', 'sparse kernel, 50% global')
#: Row, the row that it is compared with, and how often faster it is meant to be at 512x1024.
GOALS = (
    ('sparse kernel, 90% global', 'onnxruntime, searched', 5.),
    ('sparse kernel, 80% global', 'onnxruntime, searched', 3.5),
    ('sparse kernel, 50% global', 'onnxruntime, searched', 1.5),
    ('sparse kernel, 90% layer', 'onnxruntime, searched', 5.),
    ('sparse kernel, 80% layer', 'onnxruntime, searched', 3.5),
    ('sparse kernel, 50% layer', 'onnxruntime, searched', 1.5),
    ('sparse kernel, 90% global', 'OpenVINO, searched', 3.),
    ('sparse kernel, 90% global', 'onnxruntime, supernet', 20.))


def main() -> int:
    """Measure and write the record."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    compacted = ['90% global'] if args.compacted else False
    networks = load_networks(args.config, args.checkpoint, args.tickets, compacted)
    image = random_image(args.size)
    candidates = make_candidates(networks, args.threads, image, args.only)
    small = random_image((64, 128))
    errors = {name: errors_of(model, candidates.get(f'sparse kernel, {name}'), small)
              for name, model in networks.items() if f'sparse kernel, {name}' in candidates}
    pin(args.threads)
    times = measure(candidates, image, args.rounds)
    record = dict(
        size=list(args.size), batch=1, threads=args.threads, rounds=args.rounds,
        reference=reference(times), machine=machine(), load=os.getloadavg()[0], runtimes=versions(),
        ceilings=ceilings(), errors=errors, kept={n: kept_by_kind(m) for n, m in networks.items()},
        networks={name: describe(model, args.size) for name, model in networks.items()},
        goals=goals(times),
        rows=[row(name, run, times, image) for name, run in candidates.items()])
    RESULTS.mkdir(exist_ok=True)
    default = 'latency_{}x{}'.format(*args.size) + (f'_{args.threads}' * (args.threads > 1))
    path = RESULTS / f'{args.name or default}.json'
    path.write_text(json.dumps(record, indent=2) + '\n')
    path.with_suffix('.md').write_text(markdown(record))
    print(markdown(record))
    return 0


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--config', default=str(ROOT / 'configs/full_width.py'))
    parser.add_argument('--checkpoint', default=str(RUN / 'epoch_13.pth'),
                        help='the searched network, its mask lifted')
    parser.add_argument('--tickets', nargs='+', metavar='TICKET.pth',
                        default=sorted(map(str, RUN.glob('p*_*.pth'))))
    parser.add_argument('--size', type=int, nargs=2, default=(512, 1024))
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--compacted', action='store_true', help='the compacted 90%% ticket, too')
    parser.add_argument('--only', nargs='+', metavar='RUNTIME', help='e.g. "sparse kernel"')
    parser.add_argument('--name', help='of the record; latency_HxW by default')
    return parser.parse_args()


def pin(threads: int) -> None:
    """Keep this process on as many cores as it has threads, where the system can."""
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


# ------------------------------------------------------------------------------- measurement


def errors_of(model: nn.Module, kernel: Run | None, image: Tensor) -> dict[str, float]:
    """Return the largest differences to the network in float64, relative to its largest output.

    Of the kernel, and of torch in float32, which is the noise of that precision.
    """
    with torch.inference_mode():
        exact = copy.deepcopy(model).double()(image.double())
        runs = dict(float32=model, **({'kernel': kernel} if kernel else {}))
        return {name: float((run(image) - exact).abs().max() / exact.abs().max())
                for name, run in runs.items()}


def measure(candidates: dict[str, Run], image: Tensor, rounds: int) -> Times:
    """Return two calls of each candidate in each round; the first rounds warm up."""
    times: Times = {name: [] for name in candidates}
    for number in range(rounds + 2):
        for name, run in candidates.items():
            (_, first), (clock, busy) = timed(run, image), timed(run, image)
            if number > 1:
                times[name].append((clock, busy, first))
    return times


def timed(run: Run, image: Tensor) -> tuple[float, float]:
    """Return milliseconds of a call, by the clock and of processor."""
    start, busy = time.perf_counter(), time.process_time()
    run(image)
    return 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - busy)


def reference(names) -> str:
    """Return the network that others are compared with."""
    return next((name for name in REFERENCES if name in names), next(iter(names)))


def speedup(times: Times, name: str, other: str, kind: int) -> float:
    """Return the median over the rounds of the other's time over this one's."""
    return statistics.median(b[kind] / a[kind]
                             for a, b in zip(times[name], times[other], strict=True))


def goals(times: Times) -> list[dict]:
    """Return each aim and the figure that was reached, by processor time."""
    return [dict(row=name, other=other, goal=goal, measured=speedup(times, name, other, 1),
                 first=speedup(times, name, other, 2))
            for name, other, goal in GOALS if name in times and other in times]


def row(name: str, run: Run, times: Times, image: Tensor) -> dict:
    """Return medians, quartiles and the ratios to the reference of one candidate."""
    found = dict(runtime=name.split(', ')[0], network=name.split(', ')[1])
    for index, kind in enumerate(('clock', 'processor', 'first')):
        own = [call[index] for call in times[name]]
        lower, middle, upper = statistics.quantiles(own, n=4)
        found[kind] = dict(milliseconds=middle, fastest=min(own), quartiles=[lower, upper],
                           speedup=speedup(times, name, reference(times), index))
    if isinstance(run, SparseModel):
        found['bytes'] = bytes_moved(run, image)
    return found


if __name__ == '__main__':
    sys.exit(main())
