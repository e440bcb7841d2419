"""Measures images a second on a GPU: supernet, searched network and compacted tickets.

    python benchmarks/latency_tickets.py
    python benchmarks/latency_gpu.py --batch 1 16

Batch 1 and large, fp32 and bf16, with and without CUDA graphs, in channels_last; tickets of 2:4
masks in fp16 with their compressed weights, too. Without a GPU it says what it would measure and
ends. The record goes to ``benchmarks/results/latency_gpu.json`` and ``.md``.
"""
import argparse
import copy
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from machine import machine
from networks import describe, load_networks, random_image
from torch import Tensor, nn

from mmst.deploy.export.semi_structured import semi_structured

ROOT = Path(__file__).resolve().parent
RESULTS, RUN = ROOT / 'results', ROOT.parent / 'work_dirs/full_width'
PRECISIONS = dict(fp32=torch.float32, bf16=torch.bfloat16, fp16=torch.float16)
COLUMNS = ('network', 'batch', 'precision', 'CUDA graph', 'images a second', 'milliseconds a batch')


def main() -> int:
    """Measure, or say what would be measured."""
    args = parse_args()
    cases = list(itertools.product(args.batch, ('fp32', 'bf16'), (False, True)))
    if not torch.cuda.is_available():
        print(f'No GPU here. With one: supernet, searched network and {len(args.tickets)} tickets, '
              f'compacted, at {args.size[0]}x{args.size[1]}, channels_last, for each of '
              + '; '.join(f'batch {b} {p}{" as a CUDA graph" if g else ""}' for b, p, g in cases)
              + '; tickets of 2:4 masks in fp16 with compressed weights.')
        return 0
    networks = load_networks(args.config, args.checkpoint, args.tickets, compacted=True)
    rows: list[dict] = []
    for batch, precision, graph in cases:
        dense = {name: model for name, model in networks.items()
                 if name in ('supernet', 'searched') or 'compacted' in name}
        rows += measured(dense, batch, args.size, precision, graph, args.rounds)
    sparse = {name: model for name, model in networks.items() if name.endswith('2:4')}
    for batch, graph in itertools.product(args.batch, (False, True)):
        rows += measured(sparse, batch, args.size, 'fp16', graph, args.rounds)
        halved = {f'{name} compressed': model for name, model in sparse.items()}
        rows += measured(halved, batch, args.size, 'fp16', graph, args.rounds, compress=True)
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
    return parser.parse_args()


def measured(networks: dict[str, nn.Module], batch: int, size: Sequence[int], precision: str,
             graph: bool, rounds: int, compress: bool = False) -> list[dict]:
    """Return a row for each network, the networks in turn."""
    runs = {name: prepare(net, batch, size, PRECISIONS[precision], graph, compress)
            for name, net in networks.items()}
    rows = []
    for name, times in measure(runs, rounds).items():
        middle = statistics.median(times)
        rows.append(dict(network=name, batch=batch, precision=precision, graph=graph,
                         milliseconds=middle, quartiles=statistics.quantiles(times, n=4),
                         images_a_second=1000 * batch / middle))
    return rows


@torch.inference_mode()
def prepare(model: nn.Module, batch: int, size: Sequence[int], dtype: torch.dtype, graph: bool,
            compress: bool) -> Callable:
    """Return a call of the network on a fixed batch, warmed up; as a CUDA graph if asked for."""
    model = copy.deepcopy(model).to('cuda', dtype).to(memory_format=torch.channels_last)
    if compress:
        semi_structured(model)
    image = random_image(size, batch).to('cuda', dtype).contiguous(
        memory_format=torch.channels_last)
    run = torch.inference_mode()(lambda: model(image))
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(5):
            run()
    torch.cuda.synchronize()
    if not graph:
        return run
    captured = torch.cuda.CUDAGraph()
    with torch.cuda.graph(captured):
        run()
    return captured.replay


def measure(runs: dict[str, Callable[[], Tensor]], rounds: int) -> dict[str, list[float]]:
    """Return milliseconds of each call by the GPU's own clock, the networks in turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            run()
            end.record()
            torch.cuda.synchronize()
            times[name].append(start.elapsed_time(end))
    return times


def write(record: dict) -> None:
    """Write the record for machines and for people."""
    path = RESULTS / 'latency_gpu.json'
    path.write_text(json.dumps(record, indent=2) + '\n')
    rows = [(r['network'], r['batch'], r['precision'], 'yes' if r['graph'] else 'no',
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
