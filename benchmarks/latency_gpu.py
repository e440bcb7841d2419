"""Images a second on a GPU: supernet and searched network, batch 1 and large, fp32 and bf16.

    python benchmarks/latency_gpu.py work_dirs/latency/searched.pth --batch 1 16

Without a GPU it says what it would measure and ends. The record goes to
``benchmarks/results/latency_gpu.json`` and ``.md``.
"""
import argparse
import copy
import itertools
import json
import statistics
import sys
from pathlib import Path
from typing import Callable, Dict, List

import torch
from machine import machine
from searched import load, supernet
from torch import Tensor, nn

from mmst.analysis.cost import layer_costs, total

RESULTS = Path(__file__).resolve().parent / 'results'
PRECISIONS = dict(fp32=torch.float32, bf16=torch.bfloat16)
COLUMNS = ('network', 'batch', 'precision', 'CUDA graph', 'images a second', 'milliseconds a batch')


def main() -> int:
    """Measure, or say what would be measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('network', type=Path, help='file that searched.py wrote')
    parser.add_argument('--size', type=int, nargs=2, default=(512, 1024))
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 16])
    parser.add_argument('--rounds', type=int, default=20)
    args = parser.parse_args()
    cases = list(itertools.product(args.batch, PRECISIONS, (False, True)))
    if not torch.cuda.is_available():
        print(f'No GPU here. With one: supernet and searched network at {args.size[0]}x'
              f'{args.size[1]}, channels_last, for each of ' + '; '.join(
                  f'batch {b} {p}{" as a CUDA graph" if g else ""}' for b, p, g in cases) + '.')
        return 0
    model, told = load(args.network)
    networks = dict(supernet=supernet(told['seed']), searched=model)
    rows: List[dict] = []
    for batch, precision, graph in cases:
        runs = {name: prepare(net, batch, args.size, PRECISIONS[precision], graph)
                for name, net in networks.items()}
        for name, times in measure(runs, args.rounds).items():
            middle = statistics.median(times)
            rows.append(dict(network=name, batch=batch, precision=precision, graph=graph,
                             milliseconds=middle, quartiles=statistics.quantiles(times, n=4),
                             images_a_second=1000 * batch / middle))
    costs = {name: total(layer_costs(net, tuple(args.size))) for name, net in networks.items()}
    write(dict(size=list(args.size), rounds=args.rounds, machine=machine(), training=told['training'],
               networks=costs, rows=rows))
    return 0


@torch.inference_mode()
def prepare(model: nn.Module, batch: int, size, dtype: torch.dtype, graph: bool) -> Callable:
    """A call of the network on a fixed batch, warmed up; as a CUDA graph if asked for."""
    model = copy.deepcopy(model).to('cuda', dtype, memory_format=torch.channels_last)
    model.backbone.channels_last = True
    image = torch.randn(batch, 3, *size, device='cuda', dtype=dtype).contiguous(
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


def measure(runs: Dict[str, Callable[[], Tensor]], rounds: int) -> Dict[str, List[float]]:
    """Milliseconds of each call by the GPU's own clock, the networks in turn."""
    times: Dict[str, List[float]] = {name: [] for name in runs}
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
    """The record for machines and for people."""
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
