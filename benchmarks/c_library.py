"""Compare the latency of a ticket's C library with SparseModel's and onnxruntime's, in one run.

    python benchmarks/c_library.py --size 512 1024

The ticket (the shipped one by default) is exported and built as its README says, as it is and
compacted; SparseModel runs its modules one by one, too, as it does where one has a hook. Each round
runs every candidate twice, one candidate after another, and counts the second call; a ratio is the
median of the rounds' ratios. onnxruntime runs the same network with its zeros.
The record goes to ``benchmarks/results/c_library_HxW.json`` and ``.md``.
"""
import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import numpy as np
import torch
from latency_runtimes import from_onnx
from machine import machine

from mmst.deploy.c_library import write_project
from mmst.deploy.compact import compact
from mmst.deploy.find import find_ticket
from mmst.deploy.sparse import SparseModel
from mmst.tickets import Ticket

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = 'SparseModel'


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ticket', default='street-p90')
    parser.add_argument('--size', type=int, nargs=2, default=(512, 1024))
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    image = torch.randn(1, 3, *args.size, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        runs, sizes = candidates(find_ticket(args.ticket), image, args.threads, Path(folder))
        outputs = {name: np.asarray(run()) for name, run in runs.items()}
        times = measure(runs, args.rounds, args.threads)
    record = dict(ticket=args.ticket, size=list(args.size), threads=args.threads,
                  rounds=args.rounds, machine=machine(), sizes=sizes,
                  rows=[row(name, times, outputs) for name in runs])
    path = ROOT / 'benchmarks/results/c_library_{}x{}.json'.format(*args.size)
    path.write_text(json.dumps(record, indent=2) + '\n')
    path.with_suffix('.md').write_text(markdown(record))
    print(markdown(record))


def candidates(ticket: Ticket, image: torch.Tensor, threads: int,
               folder: Path) -> tuple[dict[str, Callable[[], Any]], dict[str, int]]:
    """Return calls that give the scores, and sizes in bytes of what was built."""
    small = compact(ticket)
    sparse, sparse_small = (SparseModel.from_ticket(t, threads=threads) for t in (ticket, small))
    modules = SparseModel.from_ticket(ticket, threads=threads)
    modules.model.register_forward_hook(lambda *passed: None)
    library = build(ticket, folder / 'whole', threads)
    library_small = build(small, folder / 'compact', threads)
    planes = image[0].numpy()
    runs: dict[str, Callable[[], Any]] = {
        REFERENCE: lambda: sparse(image)[0],
        'SparseModel, module by module': lambda: modules(image)[0],
        'C library': lambda: library.scores(planes),
        'SparseModel, compacted': lambda: sparse_small(image)[0],
        'C library, compacted': lambda: library_small.scores(planes)}
    for name, run in from_onnx(ticket.build(), 'zeros and all', ['onnxruntime'], threads,
                               image).items():
        runs[name] = lambda run=run: run(image)[0]
    size = image.shape[2:]
    return runs, dict(
        library=(folder / 'whole/stripped.so').stat().st_size,
        weights=(folder / 'whole/weights.bin').stat().st_size,
        scratch=library.scratch(*size), scratch_compacted=library_small.scratch(*size))


def build(ticket: Ticket, folder: Path, threads: int, int8: bool = False) -> Any:
    """Return the opened library of a ticket."""
    write_project(ticket, folder, int8)
    subprocess.run(['make', '-s', 'libticket.so'], cwd=folder, check=True)
    subprocess.run(['strip', '-o', folder / 'stripped.so', folder / 'libticket.so'], check=True)
    spec: Any = importlib.util.spec_from_file_location('c_library_example',
                                                       ROOT / 'docs/examples/c_library.py')
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example.CTicket(folder / 'libticket.so', folder / 'weights.bin', threads)


def measure(runs: dict[str, Callable[[], Any]], rounds: int,
            threads: int) -> dict[str, list[float]]:
    """Return the milliseconds of each candidate's second call in each round.

    Of one thread, the processor's: other work disturbs them less than the wall's.
    """
    clock = time.process_time if threads == 1 else time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            run()
            start = clock()
            run()
            times[name].append(1000 * (clock() - start))
    return times


def row(name: str, times: dict[str, list[float]], outputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the median time, that of the ratios, and how much the scores differ."""
    ratios = [a / b for a, b in zip(times[REFERENCE], times[name], strict=True)]
    exact = outputs[REFERENCE]
    return dict(name=name, milliseconds=statistics.median(times[name]),
                ratio=statistics.median(ratios),
                difference=float(np.abs(outputs[name] - exact).max() / np.abs(exact).max()))


def markdown(record: dict[str, Any]) -> str:
    """Return the record as a table."""
    height, width = record['size']
    clock = 'processor time' if record['threads'] == 1 else 'wall time'
    lines = [f'`{record["ticket"]}` at {height}x{width}, {record["threads"]} thread(s), {clock}, '
             f'{record["rounds"]} rounds, {record["machine"]["cpu"]}:', '',
             '| | ms | × SparseModel | difference to SparseModel |', '| --- | --- | --- | --- |']
    lines += ['| {name} | {milliseconds:.1f} | {ratio:.2f} | {difference:.1e} |'.format(**r)
              for r in record['rows']]
    sizes = ', '.join(f'{name.replace("_", " ")} {n:,} bytes'
                      for name, n in record['sizes'].items())
    return '\n'.join([*lines, '', f'Sizes: {sizes}.', ''])


if __name__ == '__main__':
    main()
