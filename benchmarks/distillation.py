"""Measures the share of a teacher in a training step under a mask.

    python benchmarks/distillation.py      # a minute of one core

The network is that of a demo config, on random images of its crop; the candidates train six steps a
round in turn, so that ratios survive other work on the machine. They are ratios of processor time,
on a GPU of the clock's. The record goes to ``benchmarks/results/distillation.json`` and ``.md``.
"""
import argparse
import json
import os
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')  # before torch is loaded

import torch
from captured import check_captured, graphs
from machine import machine
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from pairing import load, measure, summary
from training_report import table
from training_tasks import DEVICE, TIME, clean, runner, step

from mmst.engine import DistillationHook, PruneHook
from mmst.engine.run.config_file import read_config
from mmst.engine.run.runner_views import find_hook, unwrap

RESULTS = Path(__file__).resolve().parent / 'results' / 'distillation.json'
CONFIG = 'configs/demo/st_hrnas_camvid_p90.py'
#: Steps of a candidate in a round: as many times of two as of three.
STEPS, SPARSITY = 6, 0.9


def main() -> int:
    """Measure and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--config', default=CONFIG)
    parser.add_argument('--every', type=int, nargs='+', default=[1, 2, 3])
    parser.add_argument('--rounds', type=int, default=9)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cfg = read_config(args.config)
    size = (cfg.train_dataloader.batch_size, *cfg.crop)
    runners = {'without': waiting(cfg, size)}
    runners.update((f'every={n}', waiting(cfg, size, n)) for n in args.every)
    batch = make_batch(cfg, size)
    times = measure({name: lambda r=r: [step(r, batch) for _ in range(STEPS)]
                     for name, r in runners.items()}, args.rounds)
    for run in runners.values():
        check_captured(graphs(run))
    clean(runners)
    found = summary(times, 'without', TIME)
    command = (f'python benchmarks/distillation.py --config {args.config} --every '
               f'{" ".join(map(str, args.every))} --rounds {args.rounds} '
               f'--threads {args.threads}')
    record = dict(command=command, size=size, sparsity=SPARSITY, device=DEVICE, machine=machine(),
                  load=load(), steps=found)
    RESULTS.write_text(json.dumps(record, indent=2) + '\n')
    RESULTS.with_suffix('.md').write_text(markdown(record))
    print(RESULTS.with_suffix('.md').read_text())
    return 0


def waiting(cfg, size: tuple[int, int, int], every: int | None = None):
    """Return a run in the middle of an epoch under a mask, with a teacher where one is asked for.
    """
    hooks = {} if every is None else dict(
        distill=dict(type='mmst.DistillationHook', every=every))
    model = dict(cfg.model.to_dict(), _scope_=cfg.default_scope)
    run = runner('segmentation', 'all', size, True, hooks, model=model)
    if every is not None:
        find_hook(run, DistillationHook).average.begin(unwrap(run), 0)
    find_hook(run, PruneHook).draw(run, 1, SPARSITY)
    return run


def make_batch(cfg, size: tuple[int, int, int]) -> dict:
    """Return noise with random labels as mmsegmentation's loader gives them."""
    torch.manual_seed(1)
    images, height, width = size
    samples = []
    for _ in range(images):
        labels = torch.randint(cfg.model.decode_head.num_classes, (1, height, width))
        samples.append(SegDataSample(gt_sem_seg=PixelData(data=labels)))
    return dict(inputs=list(torch.randint(256, (images, 3, height, width), dtype=torch.uint8)),
                data_samples=samples)


def markdown(record: dict) -> str:
    """Return the record as a page."""
    rows = [(name, f'{found["ms"] / STEPS:.0f}', f'{1 / found["speedup"]:.2f}',
             f'{1 / found["speedups"][1]:.2f} to {1 / found["speedups"][0]:.2f}')
            for name, found in record['steps'].items()]
    return '\n'.join([
        '# Time of a teacher', '',
        f'`{record["command"]}`: batches of {"x".join(map(str, record["size"]))}, '
        f'{record["sparsity"]:.0%} of the weights pruned, {record["machine"]["cpu"]}, load '
        f'{record["load"]}.', '',
        *table(['teacher', 'ms a step', 'ratio', 'over the rounds'], rows), ''])


if __name__ == '__main__':
    raise SystemExit(main())
