"""Measures the figures of a GPU, the most decisive first, against their goals.

    python benchmarks/gpu.py                       # on a GPU with nothing else on it
    python benchmarks/gpu.py --only step --again
    CUDA_VISIBLE_DEVICES= python benchmarks/gpu.py --device cpu --tiny    # do all parts run?

Each part's record is written as soon as it ends, to ``benchmarks/results/gpu.json`` and ``.md``;
started again, the command goes on with parts that are missing, that failed, or whose record is of
another card, torch or number of rounds. On a GPU each part has a process of its own, so that
nothing of another one is in memory. A part fails where a training ran without its CUDA graphs. The
command ends with 1 if a part failed, and with 2 if there is no GPU.
"""
import argparse
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
from captured import Failed
from gpu_inference import inference
from gpu_parts import Case, batch_form, overhead, step_form
from gpu_report import markdown
from gpu_rivals import rivals
from gpu_runs import demo, kill_and_resume, one_process
from gpu_searches import events, flat_memory
from machine import machine
from pairing import load

RESULTS = Path(__file__).resolve().parent / 'results' / 'gpu.json'
#: Name to what it measures and its settings, the most decisive first.
PARTS: dict[str, tuple] = {
    'step': (step_form, dict(transformer='all', goal=35.)),
    'step without Transformers': (step_form, dict(transformer='none', goal=25.)),
    'demo': (demo, {}),
    'search': (events, {}),
    'batch in float32': (batch_form, dict(half=False)),
    'batch in bfloat16': (batch_form, dict(half=True)),
    'overhead': (overhead, {}),
    'memory': (flat_memory, {}),
    'make_graphed_callables': (rivals, dict(rival='torch.cuda.make_graphed_callables')),
    'images a second': (inference, dict(forms=('eager', 'CUDA graph', 'TorchScript'))),
    'one process of dist_train.sh': (one_process, {}),
    'kill and resume': (kill_and_resume, {}),
    'torch.compile': (rivals, dict(rival='torch.compile(mode=\'reduce-overhead\')')),
    'images a second, compiled': (inference, dict(forms=('torch.compile', ))),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts that are not recorded yet; 1 if a part failed, 2 if there is no GPU."""
    args = parse_args(arguments)
    if args.device == 'cuda' and not torch.cuda.is_available():
        print('No GPU here: nothing was measured. --device cpu --tiny runs all parts at a small '
              'size.', file=sys.stderr)
        return 2
    if args.device == 'cpu' and torch.cuda.is_available():
        print('There is a GPU, on which torch would train. Remedy: hide it by '
              'CUDA_VISIBLE_DEVICES=', file=sys.stderr)
        return 2
    for name in args.only:
        if args.again or not is_done(recorded(args.results).get(name), args):
            measure_apart(name, args) if args.device == 'cuda' and not args.here \
                else measure_here(name, args)
    found = recorded(args.results)
    print(markdown(found, list(PARTS)))
    return int(any('failed' in found.get(name, {}) for name in args.only))


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='+', choices=PARTS, default=list(PARTS), metavar='PART',
                        help=', '.join(PARTS))
    parser.add_argument('--rounds', type=int, help='defaults to 150, to 2 with --tiny')
    parser.add_argument('--again', action='store_true', help='measure what is recorded, too')
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda')
    parser.add_argument('--tiny', action='store_true',
                        help='narrow networks and small images; not for the record')
    parser.add_argument('--limit', type=int, default=590, metavar='SECONDS', help='of a part')
    parser.add_argument('--results', type=Path, metavar='FILE.json')
    parser.add_argument('--here', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.device == 'cpu' and not args.tiny:
        parser.error('a CPU is for a trial alone. Remedy: add --tiny')
    args.rounds = args.rounds or (2 if args.tiny else 150)
    args.results = args.results or (
        Path(tempfile.gettempdir()) / f'mmst_gpu_tiny_{os.getuid()}.json' if args.tiny else RESULTS)
    return args


def is_done(record: dict | None, args: argparse.Namespace) -> bool:
    """Return whether a part has ended well here, with as many rounds."""
    here = machine()
    return (record is not None and 'failed' not in record and record['rounds'] == args.rounds
            and record['tiny'] == args.tiny
            and all(record['machine'][key] == here[key] for key in ('gpu', 'torch')))


def measure_apart(name: str, args: argparse.Namespace) -> None:
    """Measure a part in a process of its own, and record how it failed if it could not."""
    command = [sys.executable, __file__, '--only', name, '--again', '--here', '--rounds',
               str(args.rounds), '--results', str(args.results),
               *(['--tiny'] if args.tiny else [])]
    record(name, args, dict(failed='it has not come to its end'))
    # A group of its own: what it has started must not stay on the GPU.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        process.wait(args.limit)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        record(name, args, dict(failed=f'it took more than {args.limit} s'))


def measure_here(name: str, args: argparse.Namespace) -> None:
    """Measure a part, and record its figures or its failure."""
    run, settings = PARTS[name]
    print(f'{name} ...', file=sys.stderr, flush=True)
    try:
        found = run(Case.of(args), **settings)
    except Failed as error:
        found = dict(failed=str(error))
    except Exception as error:  # the other parts go on
        text = (str(error) or 'no message').splitlines()[0]
        found = dict(failed=f'{type(error).__name__}: {text}')
    record(name, args, found)
    gc.collect()


def recorded(path: Path) -> dict[str, dict]:
    """Return the parts' records so far."""
    return json.loads(path.read_text()) if path.is_file() else {}


def record(name: str, args: argparse.Namespace, found: dict) -> None:
    """Add a part's record to the others."""
    parts = recorded(args.results)
    command = f"python benchmarks/gpu.py --only '{name}' --rounds {args.rounds} --again"
    parts[name] = dict(found, rounds=args.rounds, tiny=args.tiny, machine=machine(), load=load(),
                       command=command + (' --tiny' if args.tiny else ''))
    args.results.parent.mkdir(parents=True, exist_ok=True)
    args.results.write_text(json.dumps(parts, indent=2) + '\n')
    args.results.with_suffix('.md').write_text(markdown(parts, list(PARTS)))


if __name__ == '__main__':
    sys.exit(main())
