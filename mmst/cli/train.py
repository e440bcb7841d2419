"""Train a config: two-in-one search and pruning, or anything else that mmengine trains.

One tool for mmsegmentation, mmpose and mmpretrain. Settings are checked before anything is written.
"""
import argparse

import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, DefaultScope

from ..engine import MaskedOptimWrapper
from ..engine.run import launcher
from ..engine.run.config_file import complete, read_config, set_work_dir
from ..engine.run.retrain import retraining_config
from ..engine.run.training import leave_out_rehearsal, train
from ..errors import config_error
from ..settings.kinds import kind_name
from ..settings.resolve import resolve
from .arguments import add_common_arguments, add_rehearsal_argument

AMP = {MaskedOptimWrapper: 'mmst.MaskedAmpOptimWrapper', OptimWrapper: 'AmpOptimWrapper'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument('config', help='config file')
    add_common_arguments(parser)
    add_rehearsal_argument(parser)
    parser.add_argument(
        '--resume', nargs='?', const='auto', metavar='PATH',
        help='go on from a checkpoint; without PATH from the last one in the work dir')
    parser.add_argument('--amp', action='store_true',
                        help='train in mixed precision (bfloat16 where there is no GPU)')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate by the total batch size over the config\'s')
    parser.add_argument('--no-validate', action='store_true', help='no evaluation during training')


def build_config(args) -> Config:
    """Return the config file with the command line put into it."""
    cfg = read_config(args.config, args.cfg_options)
    launcher.set_launcher(cfg, args)
    set_work_dir(cfg, args)
    complete(cfg)
    leave_out_rehearsal(cfg, args)
    if cfg.get('retrain'):
        cfg = retraining_config(cfg)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if args.amp:
        use_amp(cfg)
    if args.auto_scale_lr:
        if not (cfg.get('auto_scale_lr') or {}).get('base_batch_size'):
            raise config_error('auto_scale_lr.base_batch_size', None,
                               '--auto-scale-lr needs the batch size that the rate was chosen for',
                               'set it in the config')
        cfg.auto_scale_lr.enable = True
    scale_one_cycle(cfg)
    return cfg


def use_amp(cfg: Config) -> None:
    """Replace the optimizer wrapper by its form for mixed precision.

    Raises:
        ConfigError: The wrapper has none, or none that works without a GPU.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        kind = resolve(OPTIM_WRAPPERS, cfg.optim_wrapper.get('type', 'OptimWrapper'))
    if isinstance(kind, type) and issubclass(kind, AmpOptimWrapper):
        return
    if kind not in AMP:
        raise config_error('optim_wrapper.type', kind_name(cfg.optim_wrapper),
                           'has no form for mixed precision', 'use mmst.MaskedOptimWrapper, or '
                           'leave --amp away')
    if kind is OptimWrapper and not torch.cuda.is_available():
        raise config_error('--amp', True, 'mmengine\'s AmpOptimWrapper needs a GPU',
                           'use mmst.MaskedOptimWrapper, or leave --amp away')
    cfg.optim_wrapper.type = AMP[kind]


def scale_one_cycle(cfg: Config) -> None:
    """Scale the peak of a one-cycle schedule where learning rates are scaled.

    mmengine scales the optimizer's rate, which this schedule replaces by its own.
    """
    scaling = cfg.get('auto_scale_lr') or {}
    if not scaling.get('enable'):
        return
    ratio = launcher.world_size(cfg) * cfg.train_dataloader.batch_size / scaling['base_batch_size']
    schedulers = cfg.get('param_scheduler') or []
    for scheduler in schedulers if isinstance(schedulers, list) else [schedulers]:
        if 'OneCycle' in kind_name(scheduler):
            peak = scheduler['eta_max']
            scheduler['eta_max'] = ([p * ratio for p in peak]
                                    if isinstance(peak, (list, tuple)) else peak * ratio)


def run(args: argparse.Namespace) -> None:
    """Check, rehearse, train to the end."""
    train(build_config(args))
