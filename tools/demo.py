"""The whole life of a SuperTicket in minutes: generate data, train, print the table.

    python tools/demo.py [--work-dir work_dirs/demo]

What `make demo` runs. A finished demo is not trained again; `--fresh` starts over.
"""
import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import mmst  # noqa: F401  (first: it prepares OpenMMLab's packages)
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmst.analysis.gallery import majority_miou, segmentation_gallery
from mmst.analysis.table import render, ticket_table
from mmst.datasets import generate
from mmst.tickets import Ticket

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / 'configs/demo/st_hrnas_cityscapes_p90_demo.py'
RECORD = ROOT / 'benchmarks/results/demo_dense.json'
DATA = ROOT / 'data/demo/cityscapes'
IMAGES = dict(train=112, val=40)


def main() -> int:
    """Generate, train, show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--work-dir', type=Path, default=ROOT / 'work_dirs/demo')
    parser.add_argument('--fresh', action='store_true', help='start over')
    args = parser.parse_args()
    start = time.perf_counter()
    generate('cityscapes', DATA, None, IMAGES['train'], IMAGES['val'], 0)
    if args.fresh:
        shutil.rmtree(args.work_dir, ignore_errors=True)
    if not (args.work_dir / 'ticket.json').is_file():
        command = [sys.executable, '-W', 'ignore', str(ROOT / 'tools/train.py'), str(CONFIG),
                   '--work-dir', str(args.work_dir), '--resume']
        code = subprocess.run(command, cwd=ROOT).returncode
        if code:
            return code
    show(args.work_dir)
    print(f'{time.perf_counter() - start:.0f} s in all')
    return 0


def show(work_dir: Path) -> None:
    """Print the tables, draw the picture, say where the files are."""
    summary = json.loads((work_dir / 'ticket.json').read_text())
    cfg = Config.fromfile(CONFIG)
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(dict(cfg.val_dataloader.dataset, data_root=str(DATA)))
    classes = cfg.model.decode_head.num_classes
    dense = json.loads(RECORD.read_text())['mIoU'] if RECORD.is_file() else None
    rows = [['majority class', f'{majority_miou(dataset, classes):.2f}'],
            ['this ticket', f'{summary["metrics"]["mIoU"]:.2f}'],
            ['same network trained dense (recorded)', '-' if dense is None else f'{dense:.2f}']]
    picture = work_dir / 'demo.png'
    title = f'{summary["sparsity"]:.0%} sparse ticket, mIoU {summary["metrics"]["mIoU"]:.1f}'
    segmentation_gallery(Ticket.load(work_dir / 'ticket.pth').build(), dataset, range(0, 40, 10),
                         picture, title)
    print(ticket_table(summary))
    print(render('', ['compared', 'mIoU'], rows))
    for name in ('ticket.pth', 'ticket.json', 'demo.png'):
        print(f'{name:12} {work_dir / name}')


if __name__ == '__main__':
    sys.exit(main())
