"""Carries ``mmst chance`` out."""
import argparse
import json
import os.path as osp

from mmengine.registry import DefaultScope

from .. import files
from ..engine.data import check_data
from ..engine.run.command_line import configure
from ..lab.constant_answer import constant_answer
from ..settings.sections import check_sections


def run(args: argparse.Namespace) -> None:
    """Check the data, count, print and save ``chance.json``."""
    cfg = configure(args, 'chance')
    check_sections(cfg, 'val_dataloader', 'val_evaluator')
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        check_data(cfg, ('val', ))
        metrics = constant_answer(cfg)
    path = osp.join(cfg.work_dir, 'chance.json')
    files.write_bytes(path, (json.dumps(dict(metrics=metrics), indent=2) + '\n').encode())
    print(', '.join(f'{name} {value:.2f}' for name, value in metrics.items()) + f' ({path})')
