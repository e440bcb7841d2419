"""Compare activations of eight bits, and half precision, with the engine's float32, block by block.

    python benchmarks/eight_bits.py --size 512 1024

A study of what such kernels could gain, which the engine does not have: ``eight_bits.cpp``
computes the MixConv paths of a ticket's blocks of stride 1 (without residual and Transformer, and
careless of the borders) with the ticket's own weights and maps, by AVX-512's VNNI and by its half
precision, where the processor has these. In eight bits four kept or pruned weights of a row are
one operation: neighbouring channels, or taps of a row of the kernel. Each round runs all
candidates, on one thread; a ratio is the median of the rounds' ratios. The record goes to
``benchmarks/results/eight_bits_HxW.json`` and ``.md``.
"""
import argparse
import copy
import ctypes
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
from machine import machine

from mmst.deploy.eight_bits import in_eight_bits
from mmst.deploy.find import find_ticket
from mmst.deploy.sparse import SparseModel
from mmst.deploy.sparse.block_plan import BlockPlan
from mmst.deploy.sparse.library import SOURCE, Rows, Structure, functions, make_structure
from mmst.deploy.sparse.planes import as_map, in_planes
from mmst.deploy.sparse.rows import SparseRows
from mmst.deploy.sparse.sparse_block import SparseSearchBlock
from mmst.kernels.native.build import target_flags
from mmst.kernels.native.compiler import FLAGS, find_compiler

ROOT = Path(__file__).resolve().parent
#: Floats before the first and after the last plane.
MARGIN = 4096
KINDS = dict(eight_bits='eight bits', half_precision='half precision')


def _fields(kind: Any, names: str) -> list:
    return [(name, kind) for name in names.split()]


class Study(Structure):
    """Is the structure of the same name of ``eight_bits.cpp``."""
    _fields_ = [  # noqa: RUF012
        *_fields(ctypes.c_int32, 'inputs hidden outputs length tile margin'),
        *_fields(Rows, 'expand taps project quads windows joined'),
        *_fields(ctypes.c_void_p, 'expand_bias depthwise_bias'),
        *_fields(ctypes.c_float, 'input_scale input_zero'),
        *_fields(ctypes.c_void_p, 'expand_scale depthwise_scale project_scale expand_start '
                 'depthwise_start')]


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--ticket', default='street-p90')
    parser.add_argument('--size', type=int, nargs=2, default=(512, 1024))
    parser.add_argument('--rounds', type=int, default=15)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(compile_study(Path(folder)), args)
    record = dict(ticket=args.ticket, size=list(args.size), rounds=args.rounds, machine=machine(),
                  rows=rows)
    path = ROOT / 'results/eight_bits_{}x{}.json'.format(*args.size)
    path.write_text(as_json(record))
    path.with_suffix('.md').write_text(markdown(record))
    print(markdown(record))


def as_json(record: dict[str, Any]) -> str:
    """Return the record with a line for each block."""
    head = json.dumps(dict(record, rows=[]), indent=2)
    lines = ',\n'.join(f'    {json.dumps(row)}' for row in record['rows'])
    return head.replace('"rows": []', f'"rows": [\n{lines}\n  ]') + '\n'


def compile_study(folder: Path) -> ctypes.CDLL:
    """Return the compiled study."""
    compiler = find_compiler()
    if compiler is None:
        raise SystemExit('There is no C++ compiler.')
    path = folder / 'eight_bits.so'
    subprocess.run([*compiler, *FLAGS, *target_flags(), f'-I{SOURCE.parent}',
                    str(ROOT / 'eight_bits.cpp'), '-o', str(path)], check=True)
    return ctypes.CDLL(str(path))


@torch.inference_mode()
def measure(library: ctypes.CDLL, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for each block, with the milliseconds of each candidate and its error."""
    model = SparseModel.from_ticket(find_ticket(args.ticket), threads=1)
    image = torch.randn(1, 3, *args.size, generator=torch.Generator().manual_seed(0))
    inputs: dict[str, torch.Tensor] = {}
    blocks = {name: m for name, m in model.named_modules() if isinstance(m, SparseSearchBlock)
              and m.stride == 1 and len(m.live.expand) and 'neck' not in name}
    hooks = [m.register_forward_pre_hook(
        lambda m, x, name=name: inputs.update({name: x[0].clone()})) for name, m in blocks.items()]
    model(image)
    for hook in hooks:
        hook.remove()
    kinds = [kind for kind, there in (('eight_bits', library.has_dot()),
                                      ('half_precision', library.has_half())) if there]
    return [measure_block(library, name, block, inputs[name], kinds, args.rounds)
            for name, block in blocks.items()]


def measure_block(library: ctypes.CDLL, name: str, block: SparseSearchBlock, x: torch.Tensor,
                  kinds: list[str], rounds: int) -> dict[str, Any]:
    """Return the milliseconds of the engine's path and of each kind, and how much these differ."""
    engine = copy.copy(block)
    engine._plans = type(block._plans)()
    engine.residual, engine.transformer = np.zeros_like(block.residual), None
    x = in_planes(x, engine.settings.gap)
    exact = engine(x)
    plan = engine.plan((x.shape[2], x.shape[3]))
    layout, plane = plan.out_layout, plan.block.length
    flat = in_flat_planes(x, engine.settings.gap, plane)
    study = study_of(block, plan, x)
    planes, out = as_map(x), as_map(exact)
    arguments = (plan.block, None, planes, out, plan.channels.ctypes.data, len(plan.channels),
                 None, 0, None, False, 1)
    runs: dict[str, Callable[[], Any]] = dict(float32=lambda: functions().search_block(*arguments))
    errors = {}
    for kind in kinds:
        sums = np.zeros(block.out_channels * plane + 2 * MARGIN, np.float32)
        runs[kind] = lambda kind=kind, sums=sums: getattr(library, kind)(
            ctypes.byref(study), ctypes.c_void_p(flat.ctypes.data + 4 * MARGIN),
            ctypes.c_void_p(sums.ctypes.data + 4 * MARGIN))
        runs[kind]()
        errors[kind] = error(sums[MARGIN:-MARGIN].reshape(-1, plane), exact, layout.stride, block)
    times: dict[str, list[float]] = {kind: [] for kind in runs}
    for _ in range(rounds):
        for kind, run in runs.items():
            run()
            start = time.process_time()
            run()
            times[kind].append(round(1000 * (time.process_time() - start), 4))
    kept = {name: float((getattr(block.live, name) != 0).double().mean())
            for name in ('expand', 'taps', 'project')}
    return dict(name=name, shape=[*x.shape[1:], len(block.live.expand)], kept=kept, times=times,
                errors=errors)


def in_flat_planes(x: torch.Tensor, gap: int, plane: int) -> np.ndarray:
    """Return the planes of an image one after another, with gaps of zeros after rows and planes,
    and margins before the first and after the last.
    """
    _, channels, height, width = x.shape
    flat = np.zeros(channels * plane + 2 * MARGIN, np.float32)
    inside = flat[MARGIN:-MARGIN].reshape(channels, plane)[:, :height * (width + gap)]
    inside.reshape(channels, height, width + gap)[:, :, :width] = x[0].numpy()
    return flat


def error(sums: np.ndarray, exact: torch.Tensor, stride: int, block: SparseSearchBlock) -> float:
    """Return the root of the mean squared difference to the engine's outputs, away from the borders
    and without their constant share, relative to that of these outputs.
    """
    _, channels, height, width = exact.shape
    found = sums[:, :height * stride].reshape(channels, height, stride)[:, :, :width]
    inside = (slice(None), slice(8, -8), slice(8, -8))
    wanted = exact[0].numpy() - block.constant.bias.numpy()[:, None, None]
    found, wanted = found[inside], wanted[inside]
    if not found.size:
        return 0.
    return float(np.sqrt(((found - wanted)**2).mean() / (wanted**2).mean()))


def study_of(block: SparseSearchBlock, plan: BlockPlan, x: torch.Tensor) -> Study:
    """Return the structure for a block, its activations' scales those of this very image."""
    live, stride = block.live, plan.out_layout.stride
    size, hidden = live.taps.shape[-1], len(live.expand)
    expand, project, taps = live.expand.numpy(), live.project.numpy(), live.taps.numpy()
    steps = np.arange(size) - size // 2
    shifts = (steps[:, None] * stride + steps[None]).ravel()
    wide = torch.einsum('hc,cyx->hyx', live.expand, x[0].double()) + live.expand_bias[:, None, None]
    wide = wide.clamp(min=0)
    deep = torch.nn.functional.conv2d(wide[None], live.taps[:, None], live.depthwise_bias,
                                      padding=size // 2, groups=hidden)[0].clamp(min=0)
    low, high = min(0., float(x.min())), max(0., float(x.max()))
    scale = (high - low) / 255 or 1.
    zero = round(-low / scale)
    wide_scale, deep_scale = (float(t.max()) / 255 or 1. for t in (wide, deep))
    weight_scale, units = in_eight_bits(expand.astype(np.float32))
    taps_scale, tap_units = in_eight_bits(taps.reshape(hidden, -1).astype(np.float32))
    project_scale, project_units = in_eight_bits(project.astype(np.float32))
    sums = scale * weight_scale
    return make_structure(
        Study, inputs=x.shape[1], hidden=hidden, outputs=len(project),
        length=plan.block.length, tile=-(-plan.block.tile // 32) * 32, margin=plan.block.margin,
        expand=SparseRows.of(expand).with_offsets(1),
        taps=SparseRows.of(taps.reshape(hidden, -1)).with_offsets(shifts),
        project=SparseRows.of(project).with_offsets(1), quads=quads(units),
        windows=windows(tap_units.reshape(hidden, size, size), shifts.reshape(size, size)),
        joined=quads(project_units), expand_bias=live.expand_bias.numpy(),
        depthwise_bias=live.depthwise_bias.numpy(), input_scale=scale, input_zero=float(zero),
        expand_scale=sums / wide_scale, depthwise_scale=wide_scale * taps_scale / deep_scale,
        project_scale=deep_scale * project_scale,
        expand_start=np.rint(live.expand_bias.numpy() / sums).astype(np.int64)
        - zero * units.astype(np.int64).sum(1),
        depthwise_start=np.rint(live.depthwise_bias.numpy() / (wide_scale * taps_scale)).astype(
            np.int64))


def quads(units: np.ndarray) -> Rows:
    """Return rows of four neighbouring weights each, where any of them is kept."""
    padded = np.pad(units, ((0, 0), (0, -units.shape[1] % 4))).reshape(len(units), -1, 4)
    return as_rows([[(q, four) for q, four in enumerate(row) if four.any()] for row in padded])


def windows(taps: np.ndarray, shifts: np.ndarray) -> Rows:
    """Return rows of four neighbouring taps of a kernel's row each, which cover the kept ones."""
    found: list[list[tuple[int, np.ndarray]]] = []
    for kernel in taps:
        row: list[tuple[int, np.ndarray]] = []
        for values, places in zip(kernel, shifts, strict=True):
            at = 0
            while values[at:].any():
                at += int(values[at:].nonzero()[0][0])
                four = np.zeros(4, np.int8)
                four[:len(values[at:at + 4])] = values[at:at + 4]
                row.append((int(places[at]), four))
                at += 4
        found.append(row)
    return as_rows(found)


def as_rows(rows: list[list[tuple[int, np.ndarray]]]) -> Rows:
    """Return the kernel's rows; four weights of eight bits lie where one float does."""
    start = np.cumsum([0, *map(len, rows)])
    flat = [pair for row in rows for pair in row]
    values = np.array([four for _, four in flat], np.int8).reshape(-1, 4)
    return make_structure(Rows, start=start, offset=np.array([at for at, _ in flat], np.int64),
                          value=values.view('<f4').ravel())


def markdown(record: dict[str, Any]) -> str:
    """Return the record as a table, the largest blocks first."""
    rows = sorted(record['rows'], key=lambda r: -statistics.median(r['times']['float32']))
    kinds = [kind for kind in KINDS if kind in rows[0]['times']]
    lines = ['Paths of `{ticket}` at {}x{}, 1 thread, {rounds} rounds, {cpu}: milliseconds of '
             'processor in float32, and how often as fast the others are (relative error).'.format(
                 *record['size'], cpu=record['machine']['cpu'], **record), '',
             '| block | channels, map, hidden | float32 | ' + ' | '.join(KINDS[k] for k in kinds)
             + ' |', '| --- ' * (3 + len(kinds)) + '|']
    for row in rows[:12]:
        channels, height, width, hidden = row['shape']
        lines.append('| {} | {}, {}x{}, {} | {:.2f} | '.format(
            row['name'].removeprefix('model.backbone.'), channels, height, width, hidden,
            statistics.median(row['times']['float32'])) + ' | '.join(
                '{:.2f} ({:.4f})'.format(ratio([row], k), row['errors'][k]) for k in kinds) + ' |')
    total = sum(statistics.median(row['times']['float32']) for row in rows)
    lines.append(f'| all {len(rows)} | | {total:.2f} | ' + ' | '.join(
        f'{ratio(rows, k):.2f}' for k in kinds) + ' |')
    return '\n'.join([*lines, ''])


def ratio(rows: list[dict[str, Any]], kind: str) -> float:
    """Return how often as fast as float32 a kind is, all rows of a round together."""
    sums = {k: [sum(times) for times in zip(*(row['times'][k] for row in rows), strict=True)]
            for k in ('float32', kind)}
    return statistics.median(a / b for a, b in zip(sums['float32'], sums[kind], strict=True))


if __name__ == '__main__':
    main()
