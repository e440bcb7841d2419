"""Carries ``mmst train`` out."""
import argparse

import torch
from mmengine.config import Config
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, DefaultScope

from ..engine import MaskedOptimWrapper
from ..engine.optim.precision import native_precision
from ..engine.run import launcher
from ..engine.run.command_line import configure, resume_here
from ..engine.run.retrain import retraining_config
from ..engine.training import train
from ..errors import config_error
from ..settings.changes import change, change_part, with_scaled_peaks
from ..settings.checks import as_number
from ..settings.kinds import kind_name
from ..settings.resolve import resolve
from ..settings.sections import check_sections

AMP = {MaskedOptimWrapper: 'mmst.MaskedAmpOptimWrapper', OptimWrapper: 'AmpOptimWrapper'}


def build_config(args) -> Config:
    """Return the config file with the command line put into it."""
    cfg = configure(args)
    if cfg.get('retrain'):
        cfg = retraining_config(cfg)
    if args.no_validate:
        cfg = change(cfg, val_cfg=None, val_dataloader=None, val_evaluator=None)
    if args.resume == 'auto':
        cfg = resume_here(cfg) if cfg.get('load_from') else change(cfg, resume=True)
    elif args.resume is not None:
        cfg = change(cfg, resume=True, load_from=args.resume)
    check_sections(cfg, 'train_dataloader', 'train_cfg', 'optim_wrapper')
    if args.amp:
        cfg = in_mixed_precision(cfg)
    if args.auto_scale_lr:
        if not (cfg.get('auto_scale_lr') or {}).get('base_batch_size'):
            raise config_error('auto_scale_lr.base_batch_size', None,
                               '--auto-scale-lr needs the batch size that the rate was chosen for',
                               'set it in the config')
        cfg = change_part(cfg, 'auto_scale_lr', enable=True)
        check_sections(cfg)
    return with_scaled_one_cycle(cfg)


def in_mixed_precision(cfg: Config) -> Config:
    """Return the config with the form of its optimizer wrapper for mixed precision.

    Raises:
        ConfigError: The wrapper has none, or none that works without a GPU.
    """
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        kind = resolve(OPTIM_WRAPPERS, cfg.optim_wrapper.get('type', 'OptimWrapper'))
    if isinstance(kind, type) and issubclass(kind, AmpOptimWrapper):
        return cfg
    if kind not in AMP:
        raise config_error('optim_wrapper.type', kind_name(cfg.optim_wrapper),
                           'has no form for mixed precision', 'use mmst.MaskedOptimWrapper, or '
                           'omit --amp')
    if kind is OptimWrapper and not torch.cuda.is_available():
        raise config_error('--amp', True, 'mmengine\'s AmpOptimWrapper needs a GPU',
                           'use mmst.MaskedOptimWrapper, or omit --amp')
    if kind is OptimWrapper:  # mmengine's own form takes float16 wherever nothing else is asked for
        cfg = change_part(cfg, 'optim_wrapper',
                          dtype=cfg.optim_wrapper.get('dtype') or native_precision())
    return change_part(cfg, 'optim_wrapper', type=AMP[kind])


def with_scaled_one_cycle(cfg: Config) -> Config:
    """Return the config with scaled peaks of one-cycle schedules where learning rates are scaled.

    mmengine scales the optimizer's rate, which this schedule replaces by its own.
    """
    scaling = cfg.get('auto_scale_lr') or {}
    if not scaling.get('enable'):
        return cfg
    batch = as_number(cfg.train_dataloader.get('batch_size'))  # None: the rehearsal will say so
    ratio = launcher.world_size(cfg) * (batch or 1) / scaling['base_batch_size']
    return with_scaled_peaks(cfg, ratio)


def run(args: argparse.Namespace) -> None:
    """Check, rehearse, train to the end."""
    train(build_config(args))
