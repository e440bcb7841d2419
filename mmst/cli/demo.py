"""Carries ``mmst demo`` out."""
import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from ..costs.table import render, ticket_table
from ..engine.run.stop import call
from ..lab.chance import majority_accuracy, majority_miou, mean_pose_ap
from ..lab.gallery import segmentation_gallery
from ..lab.scenes import generate
from ..tickets import Ticket
from .places import CONFIGS, ROOT, TOOLS

RECORD = ROOT / 'benchmarks/results/demo_dense.json'


@dataclass(frozen=True)
class Demo:
    """Describes one data set's demo: its generated data, number of images, and metric."""
    data: str
    train: int
    val: int
    metric: str
    floor: str

    @property
    def folder(self) -> Path:
        """Return the folder in which the data are generated."""
        return Path('data/demo') / self.data


DEMOS = dict(
    cityscapes=Demo('cityscapes', 112, 40, 'mIoU', 'always the most frequent class'),
    ade20k=Demo('ade20k', 240, 40, 'mIoU', 'always the most frequent class'),
    imagenet=Demo('imagenet', 1600, 200, 'accuracy/top1', 'always the most frequent class'),
    coco=Demo('coco', 240, 30, 'coco/AP', 'the mean pose in every box'))


def config_of(dataset: str, kind: str = 'p90') -> Path:
    """Return the config of a data set's demo, ``p90`` or ``dense``."""
    return CONFIGS / f'demo/st_hrnas_{dataset}_{kind}_demo.py'


def run(args: argparse.Namespace) -> int:
    """Generate, train, show; returns the training's exit code."""
    start = time.perf_counter()
    name = 'demo' if args.dataset == 'cityscapes' else f'demo_{args.dataset}'
    work_dir = args.work_dir or Path('work_dirs', name)
    if args.fresh:
        shutil.rmtree(work_dir, ignore_errors=True)
    code = train(args.dataset, work_dir)
    if code:
        return code
    show(args.dataset, work_dir)
    print(f'{time.perf_counter() - start:.0f} s in all')
    return 0


def train(dataset: str, work_dir: Path, kind: str = 'p90') -> int:
    """Generate the data and train, unless that is done; returns the training's exit code."""
    demo = DEMOS[dataset]
    generate(dataset, demo.folder, None, demo.train, demo.val, 0)
    if (work_dir / 'ticket.json').is_file():
        return 0
    command = [sys.executable, '-W', 'ignore', str(TOOLS / 'train.py'),
               str(config_of(dataset, kind)), '--work-dir', str(work_dir), '--resume']
    # The second thread gains nothing on maps this small, and waits where other work goes on.
    environment = dict(dict(OMP_NUM_THREADS='1'), **os.environ)
    return call(command, env=environment)


def show(dataset: str, work_dir: Path) -> None:
    """Print the tables, draw the picture, say where the files are."""
    demo, summary = DEMOS[dataset], json.loads((work_dir / 'ticket.json').read_text())
    cfg = Config.fromfile(config_of(dataset))
    init_default_scope(cfg.default_scope)
    dense = json.loads(RECORD.read_text()).get(dataset) if RECORD.is_file() else None
    rows = [[demo.floor, f'{floor(dataset, cfg):.2f}'],
            ['this ticket', f'{summary["metrics"][demo.metric]:.2f}'],
            ['same network trained dense (recorded)',
             f'{dense["metrics"][demo.metric]:.2f}' if dense else '-']]
    print(ticket_table(summary))
    print(render('', ['compared', demo.metric], rows))
    files = ['ticket.pth', 'ticket.json']
    if cfg.default_scope == 'mmseg':
        files.append('demo.png')
        title = f'{summary["sparsity"]:.0%} sparse ticket, mIoU {summary["metrics"]["mIoU"]:.1f}'
        segmentation_gallery(Ticket.load(work_dir / 'ticket.pth').build(), _built(cfg, 'val'),
                             range(0, 40, 10), work_dir / 'demo.png', title)
    for name in files:
        print(f'{name:12} {work_dir / name}')


def floor(dataset: str, cfg: Config) -> float:
    """Return a constant answer's score on the demo's validation images."""
    if dataset == 'imagenet':
        return majority_accuracy(_built(cfg, 'val').get_gt_labels())
    if dataset == 'coco':
        with contextlib.redirect_stdout(io.StringIO()):
            return mean_pose_ap(_built(cfg, 'train'), _built(cfg, 'val'),
                                cfg.val_evaluator.ann_file)
    return majority_miou(_built(cfg, 'val'), cfg.model.decode_head.num_classes)


def _built(cfg: Config, split: str):
    """Return the data set of a split."""
    return DATASETS.build(cfg[f'{split}_dataloader'].dataset)
