"""Latency of tickets on a CPU, all runtimes side by side, with the multiply-adds beside the times.

    python benchmarks/searched.py work_dirs/latency/searched.pth 40
    python benchmarks/latency.py work_dirs/latency/searched.pth

Each round runs every candidate once, in turn, so that whatever else the machine does hits all of
them alike; a ratio is the median of the rounds' ratios. The record goes to
``benchmarks/results/latency.json`` and ``.md``.
"""
import argparse
import copy
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch  # noqa: E402
from machine import machine  # noqa: E402
from searched import kept_by_kind, load, prune, supernet  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from mmst.analysis.cost import layer_costs, total  # noqa: E402
from mmst.deploy.sparse import SparseModel  # noqa: E402

RESULTS = Path(__file__).resolve().parent / 'results'
SPARSITIES = (0.5, 0.8, 0.9, 0.95)
#: What speed-ups are told against: the first of these that could be run.
REFERENCES = ('onnxruntime, searched', 'torch, searched')
Run = Callable[[Tensor], Tensor]


def main() -> int:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('network', type=Path, help='file that searched.py wrote')
    parser.add_argument('--size', type=int, nargs=2, default=(256, 512))
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--supernet', action='store_true', help='measure it too')
    parser.add_argument('--also-dense', nargs='+', default=[], metavar='NETWORK',
                        help='pruned networks for the other runtimes, e.g. "90%% layer"')
    parser.add_argument('--name', default='latency', help='of the record')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pin(args.threads)
    networks, told = make_networks(args.network, args.supernet)
    image = torch.randn(1, 3, *args.size, generator=torch.Generator().manual_seed(0))
    candidates = make_candidates(networks, args.threads, image, args.also_dense)
    small = image[..., :64, :128].contiguous()
    errors = {name: error(run, networks[name.split(', ')[1]], small)
              for name, run in candidates.items() if not name.startswith('onnx')}
    times = measure(candidates, image, args.rounds)
    record = dict(
        size=list(args.size), batch=1, threads=args.threads, rounds=args.rounds, network=told,
        reference=reference(times), machine=machine(), load=os.getloadavg()[0], runtimes=versions(),
        networks={name: describe(model, args.size) for name, model in networks.items()},
        rows=[row(name, times, errors) for name in candidates])
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f'{args.name}.json'
    path.write_text(json.dumps(record, indent=2) + '\n')
    path.with_suffix('.md').write_text(markdown(record))
    print(markdown(record))
    return 0


# ------------------------------------------------------------------------ networks, runtimes


def make_networks(path: Path, with_supernet: bool):
    """Name to network: searched, and pruned at each sparsity; and how they came about."""
    model, told = load(path)
    networks = dict(supernet=supernet(told['seed'])) if with_supernet else {}
    networks['searched'] = model
    told['kept'] = {}
    for scope, sparsity in itertools.product(('global', 'layer'), SPARSITIES):
        pruned, name = copy.deepcopy(model), f'{sparsity:.0%} {scope}'
        told['kept'][name] = kept_by_kind(prune(pruned, sparsity, scope, told['seed']))
        networks[name] = pruned
    return networks, told


def make_candidates(networks: Dict[str, nn.Module], threads: int, image: Tensor,
                    also_dense: Sequence[str] = ()) -> Dict[str, Run]:
    """Name (runtime, network) to a call of it."""
    found: Dict[str, Run] = {}
    for name, model in networks.items():
        if name in ('supernet', 'searched', *also_dense):
            found[f'torch, {name}'] = torch_run(model)
            if find_spec('onnxruntime') and find_spec('onnx'):
                run = onnxruntime_run(model, threads, image)
                if run is not None:
                    found[f'onnxruntime, {name}'] = run
        if name != 'supernet':
            found[f'sparse kernel, {name}'] = SparseModel(model, threads=threads)
    return found


def torch_run(model: nn.Module) -> Run:
    """torch eager in channels_last, its faster memory format on CPUs."""
    model = copy.deepcopy(model).to(memory_format=torch.channels_last)
    model.backbone.channels_last = True
    return torch.inference_mode()(model)


def onnxruntime_run(model: nn.Module, threads: int, image: Tensor) -> Optional[Run]:
    """onnxruntime with all its graph optimisations; None where the export fails."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/model.onnx'
        try:
            with torch.no_grad(), plain_widths():
                torch.onnx.export(copy.deepcopy(model), image, path, opset_version=17,
                                  dynamo=False, input_names=['image'], output_names=['logits'])
        except Exception as problem:  # the exporter raises all kinds
            print(f'No ONNX file: {problem}', file=sys.stderr)
            return None
        session = onnxruntime.InferenceSession(path, options, ['CPUExecutionProvider'])
    return lambda x: torch.from_numpy(session.run(None, {'image': x.numpy()})[0])


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


def error(run: Run, model: nn.Module, image: Tensor) -> float:
    """Largest difference to the network in float64, relative to its largest output.

    Not for onnxruntime, whose files hold one size of image.
    """
    with torch.inference_mode():
        exact = copy.deepcopy(model).double()(image.double())
    return float((run(image) - exact).abs().max() / exact.abs().max())


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


def row(name: str, times: Dict[str, List[Tuple[float, float]]], errors: Dict[str, float]) -> dict:
    """Medians, quartiles and the ratios to the reference of one candidate."""
    found = dict(runtime=name.split(', ')[0], network=name.split(', ')[1], error=errors.get(name))
    for kind, index in (('clock', 0), ('processor', 1)):
        own = [both[index] for both in times[name]]
        lower, middle, upper = statistics.quantiles(own, n=4)
        found[kind] = dict(milliseconds=middle, fastest=min(own), quartiles=[lower, upper])
        other = [both[index] for both in times[reference(times)]]
        found[kind]['speedup'] = statistics.median(b / a for a, b in zip(own, other))
    return found


def describe(model: nn.Module, size) -> dict:
    """Parameters and multiply-adds, those of kept weights too."""
    mask = {f'{name}.weight': m.weight != 0 for name, m in model.named_modules()
            if isinstance(m, (nn.Conv2d, nn.Linear))}
    costs = total(layer_costs(model, tuple(size), mask))
    return {key: float(value) for key, value in costs.items()}


# --------------------------------------------------------------------------------- the record


def versions() -> dict:
    """Versions of the runtimes."""
    from importlib.metadata import version
    return {name: version(name) for name in ('torch', 'onnxruntime') if find_spec(name)}


def markdown(record: dict) -> str:
    """The record for people."""
    told, where = record['network'], record['machine']
    header = ('runtime', 'network', 'parameters kept (M)', 'GMACs kept', 'processor time (ms)',
              'quartiles (ms)', 'speed-up', 'clock time (ms)', 'speed-up by the clock',
              'relative error (64x128)')
    lines = [
        '# Latency on a CPU', '',
        f'{record["size"][0]}x{record["size"][1]}, batch 1, {record["threads"]} thread(s), '
        f'{record["rounds"]} interleaved rounds: medians. Speed-up: median over the rounds of the '
        f'time of "{record["reference"]}" over that of the row. Processor time is what the process '
        'was given of all cores: other work on the machine stretches the clock, but hardly this.',
        '',
        'Networks: the full-width supernet with units removed at random to the size of the '
        f'paper\'s searched network on Cityscapes; training: {told["training"]}, on generated '
        'noise scenes; pruned by magnitude over all weights (global) or in each layer; BN '
        'statistics anew. No accuracy is implied.',
        '', f'| {" | ".join(header)} |', '|' + ' --- |' * len(header)]
    for r in record['rows']:
        net, busy, clock = record['networks'][r['network']], r['processor'], r['clock']
        cells = (r['runtime'], r['network'], f'{net["nonzero"] / 1e6:.3f}',
                 f'{net["sparse_macs"] / 1e9:.4f}', f'{busy["milliseconds"]:.1f}',
                 '{:.1f} to {:.1f}'.format(*busy['quartiles']), f'{busy["speedup"]:.2f}',
                 f'{clock["milliseconds"]:.1f}', f'{clock["speedup"]:.2f}',
                 '-' if r['error'] is None else f'{r["error"]:.1e}')
        lines.append(f'| {" | ".join(cells)} |')
    kinds = list(next(iter(told['kept'].values())))
    lines += ['', 'Share of weights kept:', '', f'| sparsity | {" | ".join(kinds)} |',
              '|' + ' --- |' * (len(kinds) + 1)]
    lines += [f'| {name} | ' + ' | '.join(f'{kept[k]:.1%}' for k in kinds) + ' |'
              for name, kept in told['kept'].items()]
    tools = ', '.join(f'{name} {number}' for name, number in record['runtimes'].items())
    lines += ['', f'{where["cpu"]}, {where["cores"]} cores, shared with other work (load average '
              f'{record["load"]:.1f} at the end): trust ratios of processor time, not times. '
              f'{tools}.', '']
    return '\n'.join(lines)


if __name__ == '__main__':
    sys.exit(main())
