"""Record the networks that the demos compare their tickets with.

    python benchmarks/demo_baselines.py [cityscapes ade20k imagenet coco]

Each is trained as long as the ticket: ``dense``, the supernet without search and pruning;
``searched``, with the search only; ``pruned`` is the searched network, pruned once by magnitude to
the ticket's sparsity, without training (S+P); ``ticket`` is the demo's own, of one run with both.
S+P's predictions for the images of the demo's picture are kept next to the record.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from machine import machine
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from mmst.cli.demo import PREDICTIONS, RECORD, default_work_dir, train
from mmst.cli.places import CONFIGS, TOOLS
from mmst.lab.demo.pictures import save_drawn, save_predictions
from mmst.lab.demo.tasks import DEMOS, Demo
from mmst.tickets import Ticket

ROOT = Path(__file__).resolve().parent.parent
SPARSITY = 0.9


def main() -> None:
    """Train, then write the record of each data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('datasets', nargs='*', default=list(DEMOS), metavar='DATASET')
    datasets = parser.parse_args().datasets
    os.chdir(ROOT)  # where the demos lie
    for name in datasets:
        record(DEMOS[name])


def record(demo: Demo) -> None:
    """Train one demo's baselines and put them into the record, next to the others'."""
    dense = trained(demo, 'dense')
    searched = trained(demo, 'p90', 'default_hooks.prune=None')
    pruned = one_shot(demo, searched)
    one_run = trained(demo, 'p90')
    cfg = Config.fromfile(CONFIGS / demo.config())
    init_default_scope(cfg.default_scope)
    ticket = Ticket.load(pruned / 'ticket.pth')
    if cfg.default_scope == 'mmseg':
        save_predictions(ticket.build(), DATASETS.build(cfg.val_dataloader.dataset),
                         PREDICTIONS / demo.name)
    else:
        save_drawn(demo, cfg, ticket, PREDICTIONS / f'{demo.name}.json')
    found = dict(
        command=f'python benchmarks/demo_baselines.py {demo.name}', machine=machine(),
        dense=row(dense, 'supernet'), searched=row(searched, 'searched'),
        pruned=row(pruned, 'sparse'), ticket=row(one_run, 'sparse'))
    records = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    RECORD.write_text(json.dumps({**records, demo.name: found}, indent=2) + '\n')
    print(json.dumps(found, indent=2))


def trained(demo: Demo, kind: str, *options: str) -> Path:
    """Train a network, unless that is done; returns its work directory: the demo's for a ticket."""
    end = '_searched' if options else '' if kind == 'p90' else f'_{kind}'
    work_dir = ROOT / default_work_dir(demo, end)
    if train(demo, work_dir, kind, options):
        sys.exit(f'{demo.name}: training failed')
    return work_dir


def one_shot(demo: Demo, searched: Path) -> Path:
    """Prune a searched network once by magnitude; returns the folder of its ticket."""
    out = searched.with_name(f'demo_{demo.name}_pruned')
    subprocess.run(
        [sys.executable, '-W', 'ignore', TOOLS / 'prune.py', CONFIGS / demo.config(),
         searched / 'ticket.pth', '--criterion', 'magnitude', '--sparsity', str(SPARSITY),
         '--work-dir', out], check=True)
    return out


def row(work_dir: Path, key: str) -> dict:
    """Return a network's figures for the table."""
    summary = json.loads((work_dir / 'ticket.json').read_text())
    return dict(params=summary['params'][key], macs=summary['macs'][key],
                sparsity=summary['sparsity'], epochs=summary.get('epoch'),
                seed=summary.get('seed'), metrics=summary.get('metrics', {}))


if __name__ == '__main__':
    main()
