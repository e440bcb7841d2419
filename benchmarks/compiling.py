"""Measures torch.compile of search blocks one by one: cold start, graphs, steps, a search's cost.

    python benchmarks/compiling.py --width 0.25 --transformer none --size 1 64 128
    TORCHINDUCTOR_FORCE_DISABLE_CACHES=1 python benchmarks/compiling.py     # a really cold start

Of processor time: on a machine with a GPU hide it (``CUDA_VISIBLE_DEVICES=``).
Results are added to ``benchmarks/results/compiling.json`` and ``.md``, next to other networks'.
"""
import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
from machine import machine
from pairing import load, measure, summary
from training_tasks import make_batch, network

from mmst.kernels.compiled import BlockCompiler
from mmst.kernels.ops import KernelOps
from mmst.models import search_blocks
from mmst.models.hrnas.ops import use_ops
from mmst.search.surgery import Cut

COLD = 'TORCHINDUCTOR_FORCE_DISABLE_CACHES'
RESULTS = Path(__file__).resolve().parent / 'results' / 'compiling.json'


def main() -> int:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--size', type=int, nargs=3, default=(1, 64, 128), metavar=('N', 'H', 'W'))
    parser.add_argument('--width', type=float, default=1., help='factor on all channels')
    parser.add_argument('--transformer', choices=('all', 'none'), default='all')
    parser.add_argument('--backend', default='inductor')
    parser.add_argument('--rounds', type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = dict(vars(args), cold=os.environ.get(COLD) == '1', machine=machine(), load=load(),
                 **compare(args))
    cases = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    cases[f'width {args.width:g}, Transformers: {args.transformer}'] = found
    RESULTS.write_text(json.dumps(cases, indent=2) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(cases))
    print(markdown(cases))
    return 0


def compare(args: argparse.Namespace) -> dict:
    """Return cold start, a step of each form, and the first step after a search of one block."""
    batch = make_batch('segmentation', *args.size)
    forms = {name: network('segmentation', args.transformer, args.width)
             for name in ('eager', 'compiled')}
    for model in forms.values():
        use_ops(model, KernelOps(('cpu', 'cuda')))
    steps = {name: lambda m=m: m(**batch, mode='loss')['loss'].backward()
             for name, m in forms.items()}
    compiler = BlockCompiler(args.backend)
    compiler(forms['compiled'])
    found = dict(cold_start=seconds(steps['compiled']), shapes=len(compiler.functions),
                 blocks=len(search_blocks(forms['compiled'])))
    found['steps'] = summary(measure(steps, args.rounds), 'eager')
    block = next(iter(search_blocks(forms['compiled']).values()))
    block.mixconv.keep(torch.arange(1, sum(block.mixconv.widths)), Cut())
    compiler(forms['compiled'])
    found['after_search'] = seconds(steps['compiled'])
    return found


def seconds(run: Callable) -> dict:
    """Return the seconds of a call, by the clock and of processor, started processes included."""
    start, busy = time.perf_counter(), processor()
    run()
    return dict(clock=time.perf_counter() - start, processor=processor() - busy)


def processor() -> float:
    """Return the processor time so far of this process and of those that it has waited for."""
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))


def markdown(cases: dict[str, dict]) -> str:
    """Return the record for people."""
    lines = ['# torch.compile, block by block']
    for name, found in sorted(cases.items()):
        lines += ['', f'## {name[0].upper()}{name[1:]}', '', *_case(found)]
    return '\n'.join(lines) + '\n'


def _case(found: dict) -> list[str]:
    eager, compiled = found['steps']['eager'], found['steps']['compiled']
    size = ' '.join(map(str, found['size']))
    return [
        f'{found["blocks"]} search blocks, {found["shapes"]} graphs, segmentation '
        f'{size.replace(" ", "x")}, backend {found["backend"]}:', '',
        f'- first step: {found["cold_start"]["clock"]:.0f} s by the clock, '
        f'{found["cold_start"]["processor"]:.0f} s of processor time'
        f'{", nothing cached before" if found["cold"] else ""};',
        f'- forward and backward pass: {eager["processor_ms"]:.0f} ms eager, '
        f'{compiled["processor_ms"]:.0f} ms compiled (speed-up {compiled["speedup"]:.2f});',
        f'- first step after one block lost a channel: {found["after_search"]["clock"]:.1f} s, '
        f'{found["after_search"]["processor"]:.1f} s of processor time.', '',
        f'`{COLD + "=1 " if found["cold"] else ""}python benchmarks/compiling.py --size {size} '
        f'--width {found["width"]:g} --transformer {found["transformer"]} --backend '
        f'{found["backend"]} --rounds {found["rounds"]}` on {found["machine"]["cpu"]}, torch '
        f'{found["machine"]["torch"]}, load average {found["load"]}.']


if __name__ == '__main__':
    sys.exit(main())
