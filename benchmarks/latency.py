"""Latency of tickets on a CPU, all runtimes side by side, with the multiply-adds beside the times.

    python benchmarks/latency_tickets.py   # trains the full-width supernet and prunes it
    python benchmarks/latency.py --size 512 1024

Each round runs every candidate once, in turn, so that whatever else the machine does hits all of
them alike; a ratio is the median of the rounds' ratios. The record goes to
``benchmarks/results/latency_HxW.json`` and ``.md``.
"""
import argparse
import copy
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch  # noqa: E402
from ceilings import bytes_moved, ceilings  # noqa: E402
from machine import machine  # noqa: E402
from networks import describe, kept_by_kind, load_networks, random_image  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from mmst.deploy.sparse import SparseModel  # noqa: E402

ROOT = Path(__file__).resolve().parent
RESULTS, RUN = ROOT / 'results', ROOT.parent / 'work_dirs/full_width'
#: What speed-ups are told against: the first of these that could be run.
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
COMPACTED = '90% global compacted'
#: Networks that each runtime without a sparse kernel runs.
DENSE = {
    'onnxruntime': ('supernet', 'searched', '90% global', COMPACTED),
    'OpenVINO': ('searched', '90% global'), 'torch': ('searched', ), 'torch CSR': ('90% global', )}
Run = Callable[[Tensor], Tensor]


def main() -> int:
    """Measure and write the record."""
    args = parse_args()
    torch.set_num_threads(args.threads)
    compacted = ['90% global'] if args.compacted else False
    networks = load_networks(args.config, args.checkpoint, args.tickets, compacted)
    image = random_image(args.size)
    candidates = make_candidates(networks, args.threads, image, args.only, args.also_threads)
    small = random_image((64, 128))
    errors = {name: errors_of(model, candidates.get(f'sparse kernel, {name}'), small)
              for name, model in networks.items() if f'sparse kernel, {name}' in candidates}
    pin(max(args.threads, *args.also_threads, 1))
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
    parser.add_argument('--also-threads', type=int, nargs='+', default=[],
                        help='run the sparse kernel on these numbers of threads, too')
    parser.add_argument('--compacted', action='store_true', help='the compacted 90%% ticket, too')
    parser.add_argument('--only', nargs='+', metavar='RUNTIME', help='e.g. "sparse kernel"')
    parser.add_argument('--name', help='of the record; latency_HxW by default')
    return parser.parse_args()


# --------------------------------------------------------------------------------- runtimes


def make_candidates(networks: Dict[str, nn.Module], threads: int, image: Tensor,
                    only: Optional[Sequence[str]] = None,
                    also_threads: Sequence[int] = ()) -> Dict[str, Run]:
    """Name (runtime, network) to a call of it."""
    found: Dict[str, Run] = {}

    def wanted(runtime: str, name: str) -> bool:
        return (not only or runtime in only) and name in DENSE[runtime]

    for name, model in networks.items():
        compiled = [runtime for runtime in COMPILED if wanted(runtime, name)
                    and find_spec(COMPILED[runtime][0])]
        if compiled and find_spec('onnx'):
            found.update(from_onnx(model, name, compiled, threads, image))
        if wanted('torch', name):
            found[f'torch, {name}'] = torch_run(model)
        if wanted('torch CSR', name):
            found[f'torch CSR, {name}'] = csr_run(model)
        pruned = name not in ('supernet', 'searched', COMPACTED)
        if pruned and (not only or 'sparse kernel' in only):
            found[f'sparse kernel, {name}'] = SparseModel(model, threads=threads)
            for more in also_threads:
                found[f'sparse kernel on {more} threads, {name}'] = SparseModel(model, threads=more)
    return found


def torch_run(model: nn.Module) -> Run:
    """torch eager in channels_last, its faster memory format on CPUs."""
    model = copy.deepcopy(model).to(memory_format=torch.channels_last)
    model.backbone.channels_last = True
    return torch.inference_mode()(model)


class CSRConv(nn.Module):
    """1x1 convolution as the product of a CSR matrix with the image's pixels."""

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.weight, self.bias = conv.weight.detach().flatten(1).to_sparse_csr(), conv.bias

    def forward(self, x: Tensor) -> Tensor:
        out = (self.weight @ x[0].flatten(1)).view(1, -1, *x.shape[2:])
        return out if self.bias is None else out + self.bias[:, None, None]


def csr_run(model: nn.Module) -> Run:
    """torch with its own sparse products for all 1x1 convolutions; batch 1."""
    model = copy.deepcopy(model)
    model.backbone.channels_last = False
    for parent in list(model.modules()):
        for name, conv in list(parent.named_children()):
            if (type(conv) is nn.Conv2d and conv.kernel_size == (1, 1) and conv.stride == (1, 1)
                    and conv.groups == 1 and conv.weight.numel()):
                setattr(parent, name, CSRConv(conv))
    return torch.inference_mode()(model)


def from_onnx(model: nn.Module, name: str, runtimes: Sequence[str], threads: int,
              image: Tensor) -> Dict[str, Run]:
    """The network in runtimes that read ONNX files."""
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/model.onnx'
        with torch.no_grad(), plain_widths():
            torch.onnx.export(copy.deepcopy(model), image, path, opset_version=17, dynamo=False,
                              input_names=['image'], output_names=['logits'])
        return {f'{runtime}, {name}': COMPILED[runtime][1](path, threads) for runtime in runtimes}


def onnxruntime_run(path: str, threads: int) -> Run:
    """onnxruntime with all its graph optimisations."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, ['CPUExecutionProvider'])
    return lambda x: torch.from_numpy(session.run(None, {'image': x.numpy()})[0])


def openvino_run(path: str, threads: int) -> Run:
    """OpenVINO for latency, in float32 (it would take bfloat16 where the processor has it)."""
    import openvino
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(path), 'CPU', {
        'INFERENCE_NUM_THREADS': threads, 'PERFORMANCE_HINT': 'LATENCY', 'NUM_STREAMS': 1,
        'INFERENCE_PRECISION_HINT': 'f32', 'ENABLE_CPU_PINNING': False})
    return lambda x: torch.from_numpy(compiled(x.numpy())[0].copy())


#: Runtime to the package that it needs, and what opens a file.
COMPILED = dict(onnxruntime=('onnxruntime', onnxruntime_run), OpenVINO=('openvino', openvino_run))


@contextmanager
def plain_widths() -> Iterator[None]:
    """Widths as plain numbers: while a network is traced, shapes are tensors."""
    from unittest.mock import patch

    from mmst.models.lightweight_transformer import LightweightTransformer
    from mmst.models.mixconv import MixConv
    with patch.object(MixConv, '__bool__', lambda path: path.expand.out_channels > 0), \
            patch.object(MixConv, 'widths', property(
                lambda path: [conv.out_channels for conv in path.depthwise])), \
            patch.object(LightweightTransformer, 'tokens', property(
                lambda path: path.input_proj.out_channels)):
        yield


def pin(threads: int) -> None:
    """Keep this process on as many cores as it has threads, where the system can."""
    if hasattr(os, 'sched_setaffinity'):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


# ------------------------------------------------------------------------------- measurement


def errors_of(model: nn.Module, kernel: Optional[Run], image: Tensor) -> Dict[str, float]:
    """Largest differences to the network in float64, relative to its largest output.

    Of the kernel, and of torch in float32, which is the noise of that precision.
    """
    with torch.inference_mode():
        exact = copy.deepcopy(model).double()(image.double())
        runs = dict(float32=model, **({'kernel': kernel} if kernel else {}))
        return {name: float((run(image) - exact).abs().max() / exact.abs().max())
                for name, run in runs.items()}


def measure(candidates: Dict[str, Run], image: Tensor,
            rounds: int) -> Dict[str, List[Tuple[float, float]]]:
    """Milliseconds of each call, by the clock and of processor; the first rounds warm up."""
    times: Dict[str, List[Tuple[float, float]]] = {name: [] for name in candidates}
    for number in range(rounds + 2):
        for name, run in candidates.items():
            start, busy = time.perf_counter(), time.process_time()
            run(image)
            busy, passed = time.process_time() - busy, time.perf_counter() - start
            if number > 1:
                times[name].append((1000 * passed, 1000 * busy))
    return times


def reference(names) -> str:
    """The network that others are compared with."""
    return next(name for name in REFERENCES if name in names)


def speedup(times: Dict[str, List[Tuple[float, float]]], name: str, other: str,
            kind: int) -> float:
    """Median over the rounds of the other's time over this one's."""
    return statistics.median(b[kind] / a[kind] for a, b in zip(times[name], times[other]))


def goals(times: Dict[str, List[Tuple[float, float]]]) -> List[dict]:
    """What was meant to be reached, and what was, by processor time."""
    return [dict(row=name, other=other, goal=goal, measured=speedup(times, name, other, 1))
            for name, other, goal in GOALS if name in times and other in times]


def row(name: str, run: Run, times: Dict[str, List[Tuple[float, float]]], image: Tensor) -> dict:
    """Medians, quartiles and the ratios to the reference of one candidate."""
    found = dict(runtime=name.split(', ')[0], network=name.split(', ')[1])
    for kind, index in (('clock', 0), ('processor', 1)):
        own = [both[index] for both in times[name]]
        lower, middle, upper = statistics.quantiles(own, n=4)
        found[kind] = dict(milliseconds=middle, fastest=min(own), quartiles=[lower, upper],
                           speedup=speedup(times, name, reference(times), index))
    if isinstance(run, SparseModel):
        found['bytes'] = bytes_moved(run, image)
    return found


# -------------------------------------------------------------------------------- the record


def versions() -> dict:
    """Versions of the runtimes."""
    return {name: version(name) for name in ('torch', 'onnxruntime', 'openvino') if find_spec(name)}


def table(header, rows) -> List[str]:
    """Lines of a Markdown table."""
    lines = [f'| {" | ".join(header)} |', '|' + ' --- |' * len(header)]
    return lines + [f'| {" | ".join(map(str, cells))} |' for cells in rows]


def markdown(record: dict) -> str:
    """The record for people."""
    kinds = list(next(iter(record['kept'].values())))
    where, tools = record['machine'], record['runtimes'].items()
    lines = [
        '# Latency on a CPU', '',
        f'{record["size"][0]}x{record["size"][1]}, batch 1, {record["threads"]} thread(s), '
        f'{record["rounds"]} interleaved rounds: medians. Speed-up: median over the rounds of the '
        f'time of "{record["reference"]}" over that of the row. Processor time is what the process '
        'was given of all cores: other work on the machine stretches the clock, but hardly this.',
        '',
        'Networks: the full-width supernet was trained for 320 steps on generated street scenes, '
        'with search and pruning (`benchmarks/configs/full_width.py`); "searched" is what epoch 13 '
        'had left of it (208 steps), and the tickets were drawn from it by `tools/prune.py`, over '
        'all weights (global) or in each layer. Its averaged weights hold zeros of the mask that '
        'was just lifted (about half of them, so that the 50% tickets differ from it by little): '
        'only runtimes that gain nothing from zeros run it. Speed is what these networks are for; '
        'their accuracy is next to none.',
        '', *table(('runtime', 'network', 'parameters kept (M)', 'GMACs', 'of kept weights',
                    'processor time (ms)', 'quartiles (ms)', 'speed-up', 'clock time (ms)',
                    'speed-up by the clock'),
                   [_cells(r, record['networks'][r['network']]) for r in record['rows']]),
        '', '## Goals', '',
        *table(('row', 'against', 'goal', 'measured'),
               [(g['row'], g['other'], f'{g["goal"]:g}x', f'{g["measured"]:.2f}x')
                for g in record['goals']]),
        '', *_bounds(record), '', '## Rounding', '',
        'Largest difference to the network in float64 over the largest output, 64x128: torch\'s '
        'own in float32 is the noise of that precision.', '',
        *table(('network', 'sparse kernel', 'torch, float32'),
               [(name, f'{e["kernel"]:.1e}', f'{e["float32"]:.1e}')
                for name, e in record['errors'].items()]),
        '', '## Share of weights kept', '', *table(
            ('network', *kinds), [(name, *(f'{kept.get(k, 0):.1%}' for k in kinds))
                                  for name, kept in record['kept'].items()
                                  if 'compacted' not in name]),
        '', f'{where["cpu"]}, {where["cores"]} cores, shared with other work (load average '
        f'{record["load"]:.1f} at the end): trust ratios of processor time, not times. '
        + ', '.join(f'{name} {number}' for name, number in tools) + '.', '']
    return '\n'.join(lines)


def _cells(r: dict, net: dict) -> tuple:
    busy, clock = r['processor'], r['clock']
    return (r['runtime'], r['network'], f'{net["nonzero"] / 1e6:.3f}', f'{net["macs"] / 1e9:.3f}',
            f'{net["sparse_macs"] / 1e9:.4f}', f'{busy["milliseconds"]:.1f}',
            '{:.1f} to {:.1f}'.format(*busy['quartiles']), f'{busy["speedup"]:.2f}',
            f'{clock["milliseconds"]:.1f}', f'{clock["speedup"]:.2f}')


def _bounds(record: dict) -> List[str]:
    """What the kernel's times are made of at least."""
    best = record['ceilings']
    if best is None:
        return []
    rows = []
    for r in record['rows']:
        if 'bytes' in r:
            macs = record['networks'][r['network']]['sparse_macs']
            rows.append((r['network'], f'{r["processor"]["milliseconds"]:.1f}', f'{macs / 1e9:.4f}',
                         f'{1e3 * macs / best["multiply_adds"]:.1f}', f'{r["bytes"] / 1e6:.0f}',
                         f'{1e3 * r["bytes"] / best["memory"]:.1f}',
                         f'{1e3 * r["bytes"] / best["cache"]:.1f}'))
    return ['## Bounds of the sparse kernel', '',
            f'One core of this machine does {best["multiply_adds"] / 1e9:.1f} G multiply-adds a '
            f'second in registers and streams {best["memory"] / 1e9:.1f} GB/s from memory, '
            f'{best["cache"] / 1e9:.1f} GB/s from its cache, measured beside the networks '
            '(`benchmarks/ceilings.py`). At these rates the multiply-adds of the kept weights, and '
            'the feature maps that the kernel\'s passes read and write, take at least:', '',
            *table(('network', 'measured (ms)', 'GMACs', 'multiply-adds (ms)', 'MB moved',
                    'from memory (ms)', 'from the cache (ms)'), rows)]


if __name__ == '__main__':
    sys.exit(main())
