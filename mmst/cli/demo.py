"""Carries ``mmst demo`` out."""
import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from rich.console import Console

from ..costs.table import ticket_table
from ..deploy.export.onnx_file import silent
from ..lab.baselines import Baseline, write_baselines
from ..lab.constant_answer import constant_answer
from ..lab.demo.networks import compare, table
from ..lab.demo.pictures import draw, draw_samples
from ..lab.demo.tasks import DEMOS, Demo
from ..lab.demo.watch import Watcher, run_watched
from ..lab.scenes import generate
from ..tickets import Ticket
from .places import CONFIGS, ROOT, TOOLS

#: Record of ``benchmarks/demo_baselines.py``: networks to compare with, and S+P's predictions.
RECORD, PREDICTIONS = (ROOT / 'benchmarks/results' / name
                       for name in ('demo_baselines.json', 'demo_baselines'))


def run(args: argparse.Namespace) -> int:
    """Generate, train, show; returns the training's exit code."""
    start = time.perf_counter()
    demo = DEMOS[args.dataset]
    work_dir = args.work_dir or default_work_dir(demo)
    if args.fresh:
        shutil.rmtree(work_dir, ignore_errors=True)
    code = train(demo, work_dir)
    if code:
        return code
    show(demo, work_dir)
    print(f'{time.perf_counter() - start:.0f} s in all')
    return 0


def default_work_dir(demo: Demo, end: str = '') -> Path:
    """Return where a demo works; the first one's folder has no name of its own.

    Args:
        demo (Demo): Which.
        end (str): Of the folder's name, for a network that the ticket is compared with.
    """
    name = 'demo' if demo.name == 'cityscapes' and not end else f'demo_{demo.name}'
    return Path('work_dirs', name + end)


def train(demo: Demo, work_dir: Path, kind: str = 'p90', options: tuple[str, ...] = ()) -> int:
    """Generate the data and train, unless that is done; returns the training's exit code."""
    generate(demo.data, demo.folder, None, demo.train, demo.val, 0)
    if (work_dir / 'ticket.json').is_file():
        return 0
    config = CONFIGS / demo.config(kind)
    command = [sys.executable, '-W', 'ignore', str(TOOLS / 'train.py'), str(config),
               '--work-dir', str(work_dir), '--resume',
               *(('--cfg-options', *options) if options else ())]
    # The second thread gains nothing on maps this small, and waits where other work goes on.
    environment = dict(dict(OMP_NUM_THREADS='1'), **os.environ)
    log = work_dir / 'demo.log'
    print(f'training with {config}; everything that it prints goes to {log}', flush=True)
    epochs = Config.fromfile(config).train_cfg.max_epochs
    code = run_watched(command, log, Watcher(epochs, demo.metric, Console()), env=environment)
    if code:
        print(f'the training has ended early; the end of {log}:\n', *_tail(log), sep='')
    return code


def _tail(log: Path, lines: int = 5) -> list[str]:
    return log.read_text(errors='replace').splitlines(keepends=True)[-lines:]


def show(demo: Demo, work_dir: Path) -> None:
    """Print the tables, draw the picture, name the files and the next steps."""
    summary = json.loads((work_dir / 'ticket.json').read_text())
    ticket = Ticket.load(work_dir / 'ticket.pth')
    cfg = Config.fromfile(CONFIGS / demo.config())
    init_default_scope(cfg.default_scope)
    record = json.loads(RECORD.read_text()).get(demo.name, {}) if RECORD.is_file() else {}
    print(ticket_table(summary), '\n\nmeasuring …', flush=True)
    with silent():
        rows = compare(ticket, summary, record, cfg, demo.metric)
        floor = constant_answer(cfg)[demo.metric]
        if cfg.default_scope == 'mmseg':
            draw(ticket.build(), DATASETS.build(cfg.val_dataloader.dataset),
                 summary['metrics'][demo.metric], summary['sparsity'], PREDICTIONS / demo.name,
                 record.get('pruned', {}), work_dir / 'demo.png')
        else:
            draw_samples(demo, cfg, ticket, summary, PREDICTIONS / f'{demo.name}.json',
                         record.get('pruned', {}), work_dir / 'demo.png')
    print(table(rows, demo.metric, summary['input_shape']))
    print(f'{demo.answer}: {demo.metric} {floor:.2f}\n')
    write_baselines(work_dir, [  # for the report
        *(Baseline(row.name, row.score, row.params, row.macs) for row in rows
          if row.name.endswith('(recorded)')), Baseline(demo.answer, floor)])
    print(f'picture: {work_dir / "demo.png"}\n'
          f'ticket:  {work_dir / "ticket.pth"} (and ticket.json)\n\nnext:\n'
          f'  mmst report {work_dir}\n'
          f'  mmst export {work_dir / "ticket.pth"} --format sparse\n'
          f'  mmst cost {work_dir / "ticket.pth"} --by blocks')
