"""Measures images a second on a GPU: supernet, searched network and compacted tickets.

    python benchmarks/latency_tickets.py
    python benchmarks/latency_gpu.py --batch 1 16

Batch 1 and large, fp32 and bf16, in channels_last, as it is, as a CUDA graph and by TorchScript;
``--forms torch.compile`` compiles each network. Tickets of 2:4 masks run in fp16 with their
compressed weights, too. Without a GPU it says what it would measure and
ends. The record goes to ``benchmarks/results/latency_gpu.json`` and ``.md``.
"""
import argparse
import copy
import itertools
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from machine import machine
from networks import describe, load_networks, random_image
from torch import Tensor, nn
from training_tasks import DEVICE

from mmst.deploy.export.semi_structured import semi_structured

ROOT = Path(__file__).resolve().parent
RESULTS, RUN = ROOT / 'results', ROOT.parent / 'work_dirs/full_width'
PRECISIONS = dict(fp32=torch.float32, bf16=torch.bfloat16, fp16=torch.float16)
FORMS = ('eager', 'CUDA graph', 'TorchScript', 'torch.compile')
COLUMNS = ('network', 'batch', 'precision', 'form', 'images a second', 'milliseconds a batch')


def main() -> int:
    """Measure, or name the parts that would be measured."""
    args = parse_args()
    cases = list(itertools.product(args.batch, ('fp32', 'bf16'), args.forms))
    if not torch.cuda.is_available():
        print(f'No GPU here. With one: supernet, searched network and {len(args.tickets)} tickets, '
              f'compacted, at {args.size[0]}x{args.size[1]}, channels_last, for each of '
              + '; '.join(f'batch {b} {p} ({form})' for b, p, form in cases)
              + '; tickets of 2:4 masks in fp16 with compressed weights.')
        return 0
    networks = load_networks(args.config, args.checkpoint, args.tickets, compacted=True)
    rows: list[dict] = []
    for batch, precision, form in cases:
        rows += measured(dense(networks), batch, args.size, precision, form, args.rounds)
    for batch, form in itertools.product(args.batch, FORMS[:2]):
        rows += measured_compressed(networks, batch, args.size, form, args.rounds)
    costs = {name: describe(model, args.size) for name, model in networks.items()}
    write(dict(size=list(args.size), rounds=args.rounds, machine=machine(), networks=costs,
               rows=rows))
    return 0


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--config', default=str(ROOT / 'configs/full_width.py'))
    parser.add_argument('--checkpoint', default=str(RUN / 'epoch_13.pth'))
    parser.add_argument('--tickets', nargs='+', metavar='TICKET.pth',
                        default=sorted(map(str, RUN.glob('p*_*.pth'))))
    parser.add_argument('--size', type=int, nargs=2, default=(512, 1024))
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 16])
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--forms', nargs='+', choices=FORMS, default=FORMS[:3])
    return parser.parse_args()


def dense(networks: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """Return supernet, searched network and compacted tickets."""
    return {name: model for name, model in networks.items()
            if name in ('supernet', 'searched') or 'compacted' in name}


def measured_compressed(networks: dict[str, nn.Module], batch: int, size: Sequence[int],
                        form: str, rounds: int) -> list[dict]:
    """Return rows of tickets of 2:4 masks in fp16, with their zeros and with compressed weights."""
    sparse = {name: model for name, model in networks.items() if name.endswith('2:4')}
    halved = {f'{name} compressed': model for name, model in sparse.items()}
    return (measured(sparse, batch, size, 'fp16', form, rounds)
            + measured(halved, batch, size, 'fp16', form, rounds, compress=True))


def measured(networks: dict[str, nn.Module], batch: int, size: Sequence[int], precision: str,
             form: str, rounds: int, compress: bool = False) -> list[dict]:
    """Return a row for each network, the networks in turn."""
    runs = {name: prepare(net, batch, size, PRECISIONS[precision], form, compress)
            for name, net in networks.items()}
    rows = []
    for name, times in measure(runs, rounds).items():
        middle = statistics.median(times)
        rows.append(dict(network=name, batch=batch, precision=precision, form=form,
                         size=list(size), milliseconds=middle,
                         quartiles=statistics.quantiles(times, n=4),
                         images_a_second=1000 * batch / middle))
    return rows


@torch.inference_mode()
def prepare(model: nn.Module, batch: int, size: Sequence[int], dtype: torch.dtype, form: str,
            compress: bool) -> Callable:
    """Return a call of the network on a fixed batch, warmed up, in one of ``FORMS``."""
    model = copy.deepcopy(model).to(DEVICE, dtype).to(memory_format=torch.channels_last)
    if compress:
        semi_structured(model)
    image = random_image(size, batch).to(DEVICE, dtype).contiguous(
        memory_format=torch.channels_last)
    if form == 'TorchScript':
        with warnings.catch_warnings():  # each size has a trace of its own
            warnings.simplefilter('ignore')
            model = torch.jit.freeze(torch.jit.trace(model, image, check_trace=False))
    elif form == 'torch.compile':
        model = torch.compile(model)
    run = torch.inference_mode()(lambda: model(image))
    if not torch.cuda.is_available():
        run()
        return run
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())  # which converts weights and image
    with torch.cuda.stream(side):
        for _ in range(5):
            run()
    torch.cuda.synchronize()
    return captured(run) if form == 'CUDA graph' else run


def captured(run: Callable) -> Callable:
    """Return a call that replays ``run`` as a CUDA graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return partial(_replay, graph, run)


def _replay(graph: torch.cuda.CUDAGraph, run: Callable) -> None:
    """Replay the graph of ``run``, which holds the weights and the image that it reads."""
    graph.replay()


def measure(runs: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of each call, the networks in turn: by a GPU's own clock if there is
    one.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    timed = by_gpu if torch.cuda.is_available() else by_clock
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(timed(run))
    return times


def by_gpu(run: Callable) -> float:
    """Return milliseconds between two events of the GPU."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end)


def by_clock(run: Callable) -> float:
    """Return milliseconds by the clock."""
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)


def write(record: dict) -> None:
    """Write the record for machines and for people."""
    path = RESULTS / 'latency_gpu.json'
    path.write_text(json.dumps(record, indent=2) + '\n')
    rows = [(r['network'], r['batch'], r['precision'], r['form'],
             f'{r["images_a_second"]:.1f}', f'{r["milliseconds"]:.2f}') for r in record['rows']]
    lines = ['# Images a second on a GPU', '',
             '{}x{}, channels_last, {} interleaved rounds: medians.'.format(
                 *record['size'], record['rounds']), '',
             f'| {" | ".join(COLUMNS)} |', '|' + ' --- |' * len(COLUMNS)]
    lines += [f'| {" | ".join(map(str, row))} |' for row in rows]
    where = record['machine']
    lines += ['', f'{where["gpu"]}, torch {where["torch"]}.', '']
    path.with_suffix('.md').write_text('\n'.join(lines))
    print('\n'.join(lines))


if __name__ == '__main__':
    sys.exit(main())
