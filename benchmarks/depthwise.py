"""Compares the mixed depthwise kernel with torch's convolutions, on maps of the supernet.

    python benchmarks/depthwise.py
    python benchmarks/depthwise.py --device cuda     # Triton

Output and all gradients of the three kernel sizes together; candidates run in turn, on a GPU as
CUDA graphs. The record goes to ``benchmarks/results/depthwise.json`` and ``.md``, on a GPU to
``depthwise_cuda_DTYPE``.
"""
import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
from machine import machine
from pairing import load, measure, summary
from training_report import table

from mmst.kernels.captured_pass import record, warm_up
from mmst.kernels.depthwise import can_run, mixed_depthwise, separate

RESULTS = Path(__file__).resolve().parent / 'results'
#: Channels of each kernel size, height, width and stride, for images of 256x512.
MAPS = ((72, 64, 128, 1), (144, 32, 64, 1), (288, 16, 32, 1), (576, 8, 16, 1),
        (72, 64, 128, 2), (144, 32, 64, 2), (1080, 64, 128, 1))


def main() -> int:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--device', choices=('cpu', 'cuda'), default='cpu')
    parser.add_argument('--dtype', choices=('float32', 'bfloat16'), default='float32')
    parser.add_argument('--batch', type=int, default=2)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    if args.device == 'cuda' and not torch.cuda.is_available():
        sys.exit('There is no GPU here. Remedy: --device cpu.')
    torch.set_num_threads(args.threads)
    rows = [row(args, *shape) for shape in MAPS]
    found = dict(vars(args), rows=rows, machine=machine(), load=load())
    path = RESULTS / ('depthwise.json' if args.device == 'cpu' else
                      f'depthwise_cuda_{args.dtype}.json')
    path.write_text(json.dumps(found, indent=2) + '\n')
    path.with_suffix('.md').write_text(markdown(found))
    print(markdown(found))
    return 0


def row(args: argparse.Namespace, width: int, height: int, breadth: int, stride: int) -> dict:
    """Return times for one map."""
    options = dict(device=args.device, dtype=getattr(torch, args.dtype))
    planes = torch.randn(args.batch, 3 * width, height, breadth, **options)
    rows = planes.contiguous(memory_format=torch.channels_last)
    weights = [torch.randn(width, 1, k, k, **options).requires_grad_() for k in (3, 5, 7)]
    if not can_run(rows, weights, stride):
        sys.exit('There is no kernel here. Remedy: install g++ or clang++ (on a GPU: triton).')
    times = measure({
        'torch, NCHW': both_passes(separate.forward, planes.requires_grad_(), weights, stride),
        'torch, NHWC': both_passes(separate.forward, rows.requires_grad_(), weights, stride),
        'kernel': both_passes(mixed_depthwise, rows, weights, stride)}, args.rounds, 2)
    return dict(width=width, height=height, breadth=breadth, stride=stride,
                **summary(times, 'torch, NHWC', 'clock' if args.device == 'cuda' else 'processor'))


def both_passes(function: Callable, x: torch.Tensor, weights: list[torch.Tensor],
                stride: int) -> Callable:
    """Return a call that computes the output, then all gradients."""
    gradient = torch.randn_like(function(x, weights, stride))

    def run():
        return torch.autograd.grad(function(x, weights, stride), [x, *weights], gradient)

    if not x.is_cuda:
        return run
    warm_up(run)
    return record(run, None)[1]  # as training replays it: Python would launch too slowly to tell


def markdown(found: dict) -> str:
    """Return the record for people."""
    # A process that waits for a GPU takes no processor time.
    kind, digits = ('clock_ms', 3) if found['device'] == 'cuda' else ('processor_ms', 1)
    names = ('torch, NCHW', 'torch, NHWC', 'kernel')
    rows = [(f'3 x {r["width"]}', f'{r["height"]}x{r["breadth"]}', str(r['stride']),
             *(f'{r[name][kind]:.{digits}f}' for name in names),
             f'{r[names[0]][kind] / r["kernel"][kind]:.1f}',
             f'{r[names[1]][kind] / r["kernel"][kind]:.1f}') for r in found['rows']]
    where = found['machine']
    place = where['gpu'] if found['device'] == 'cuda' else where['cpu']
    return '\n'.join([
        '# Depthwise convolutions of three kernel sizes', '',
        'Output, input gradient and weight gradients, milliseconds of '
        f'{kind.partition("_")[0]} time, medians of {found["rounds"]} interleaved rounds; batch '
        f'{found["batch"]}, {found["dtype"]}, {found["threads"]} thread(s). Ratios above 1: the '
        'kernel is faster.', '',
        *table(('channels', 'map', 'stride', *names, 'over NCHW', 'over NHWC'), rows), '',
        f'`python benchmarks/depthwise.py --device {found["device"]} --dtype {found["dtype"]} '
        f'--batch {found["batch"]} --rounds {found["rounds"]} --threads {found["threads"]}` on '
        f'{place}, torch {where["torch"]}, load average {found["load"]}.', ''])


if __name__ == '__main__':
    sys.exit(main())
