"""Turns a config file and the command line into the config of a run."""
import argparse
import os.path as osp

import torch
from mmengine.config import Config

from ...errors import config_error
from ...settings.changes import change, with_defaults, without_switched_off
from ...settings.checks import as_whole
from ...settings.config_path import config_name
from .config_file import read_config
from .launcher import check_launcher, with_wrapper
from .resume import find_checkpoint


def configure(args: argparse.Namespace, verb: str | None = None) -> Config:
    """Return the config file with the common arguments put into it.

    Args:
        args (Namespace): With the common arguments of the subcommands.
        verb (str, optional): Ends the default work directory's name where the config's own run
            has that already.

    Raises:
        ConfigError: The config cannot be read, or an argument does not fit it.
    """
    cfg = read_config(args.config, args.cfg_options)
    check_launcher(args)
    cfg = change(cfg, launcher=args.launcher, work_dir=choose_work_dir(cfg, args, verb))
    if getattr(args, 'no_rehearsal', False):
        cfg = change(cfg, rehearsal=False)
    return with_wrapper(complete(cfg))


def choose_work_dir(cfg: Config, args: argparse.Namespace, verb: str | None = None) -> str:
    """Return the work directory: the command line's, the config's, or one named after the file.

    Raises:
        ConfigError: There is a file of that name.
    """
    name, own = config_name(args.config), cfg.get('work_dir')
    if args.work_dir is not None:
        found = args.work_dir
    elif verb is not None:
        found = osp.join(osp.dirname(own or './work_dirs/'), f'{name}_{verb}')
    else:
        found = own if own is not None else osp.join('./work_dirs', name)
    if osp.exists(found) and not osp.isdir(found):
        raise config_error('work_dir', found, 'is a file', 'give a folder as --work-dir')
    return found


def complete(cfg: Config) -> Config:
    """Return the config with the defaults that the toolboxes' tools set, and configs rely on.

    Hooks that the config has switched off with None are left out.
    """
    cfg = without_switched_off(cfg)
    if cfg.get('default_scope') != 'mmpretrain':
        return cfg
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        if cfg.get(name) is not None:
            cfg = with_defaults(
                cfg, name, collate_fn=dict(type='default_collate'),
                pin_memory=torch.cuda.is_available(),
                persistent_workers=(as_whole(cfg[name].get('num_workers')) or 0) > 0)
    return cfg


def resume_here(cfg: Config) -> Config:
    """Return the config of a run that goes on from the work directory's last checkpoint.

    Where there is none, the run starts as configured.
    """
    if osp.isdir(cfg.work_dir) and find_checkpoint(cfg.work_dir) is not None:
        return change(cfg, load_from=None, resume=True)
    return cfg
