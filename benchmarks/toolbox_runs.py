"""Runs the three toolboxes in small for ``kill_and_resume.py``: the shipped configs, narrowed.

The toolboxes' own networks' parts, loading code, random augmentation and metrics; four epochs of
three iterations, each of which prunes; the second and the fourth search and validate.
"""
import ast
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'tests'))

import mmpose.models  # noqa: E402, F401
import mmpretrain.datasets  # noqa: E402, F401
import mmseg.models  # noqa: E402, F401
from short_runs import short_run  # noqa: E402
from tiny import PlainConfig  # noqa: E402

import mmst  # noqa: E402, F401

#: Toolbox to the data set of its config, and the images for training: twelve samples at least.
TASKS = dict(segmentation=('cityscapes', 12), classification=('imagenet', 12), pose=('coco', 6))
OPTIMIZERS = dict(
    AdamW=dict(type='AdamW', lr=0.01, weight_decay=0.01),
    Adam=dict(type='Adam', lr=0.005, weight_decay=1e-5),
    RMSpropTF=dict(type='mmst.RMSpropTF', lr=0.003, alpha=0.9, momentum=0.9, eps=1e-3,
                   weight_decay=1e-5),
    SGD=dict(type='SGD', lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4))
EPOCHS, ITERATIONS, BATCH = 4, 3, 4
CHANNELS = (4, 6)


def write(task: str, folder: Path) -> None:
    """Generate a task's data and write its whole config into ``folder``."""
    dataset, images = TASKS[task]
    cfg = short_run(dataset, folder, images, 4).to_dict()
    narrow(cfg['model'])
    loader = cfg['train_dataloader']
    loader.update(num_workers=2, batch_size=BATCH)
    loader['dataset']['indices'] = BATCH * ITERATIONS
    cfg['work_dir'], cfg['experiment_name'] = 'work', task
    cfg['train_cfg'].update(max_epochs=EPOCHS, val_interval=2)
    for scheduler in cfg['param_scheduler']:
        if 'total_steps' in scheduler:
            scheduler.update(total_steps=EPOCHS, eta_max=0.02)
    hooks = cfg['default_hooks']
    hooks['logger']['interval'] = 1
    hooks['ema']['momentum'] = 0.2
    hooks['search'].update(interval=2, rho=0.01)
    hooks['prune'].update(sparsity=0.3)
    hooks['checkpoint'].update(max_keep_ckpts=2)
    (folder / 'config.txt').write_text(repr(cfg))


def narrow(model: dict[str, Any]) -> None:
    """Narrow the network to two branches, which have all kinds of units."""
    model['backbone'].update(channels=(CHANNELS[:1], CHANNELS), depths=((1, ), (1, 1)))
    model['neck'].update(in_channels=CHANNELS)
    if 'channels' in model['neck']:
        model['neck'].update(channels=model['neck']['channels'][:2])


def settings(task_folder: str, optimizer: str | None = None, ema: bool = True,
             bf16: bool = False) -> PlainConfig:
    """Return the config that :func:`write` has left, with the variant's changes.

    Args:
        task_folder (str): Where it lies.
        optimizer (str, optional): One of ``OPTIMIZERS``; the task's own by default.
        ema (bool): Whether weights are averaged.
        bf16 (bool): Whether to train in mixed precision.
    """
    cfg = PlainConfig(ast.literal_eval(Path(task_folder, 'config.txt').read_text()))
    if optimizer is not None:
        cfg.optim_wrapper.optimizer = OPTIMIZERS[optimizer]
    if not ema:
        del cfg.default_hooks['ema']
    if bf16:
        cfg.optim_wrapper.update(type='mmst.MaskedAmpOptimWrapper', dtype='bfloat16')
        if cfg.default_scope == 'mmpose':  # its training accuracy knows no bfloat16
            cfg.model.train_cfg = dict(compute_acc=False)
    return cfg
