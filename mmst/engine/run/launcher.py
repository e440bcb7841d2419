"""Connects the processes of a run, and disconnects them."""
import argparse
import datetime
import os
import subprocess
from typing import Any

import torch
from mmengine.config import Config

from ...errors import config_error


def set_launcher(cfg: Config, args: argparse.Namespace) -> None:
    """Note the launcher; make slurm's variables torch's.

    Raises:
        ConfigError: No launcher has started this process.
    """
    cfg.launcher = args.launcher
    needed = dict(pytorch=('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'),
                  slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'), none=())
    if args.launcher == 'pytorch':
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    for name in needed[args.launcher]:
        if name not in os.environ:
            raise config_error('--launcher', args.launcher, f'{name} is not set',
                               'start several processes with the tools dist_*.sh or slurm_*.sh')
    if args.launcher == 'slurm':
        os.environ.update(
            RANK=os.environ['SLURM_PROCID'], WORLD_SIZE=os.environ['SLURM_NTASKS'],
            LOCAL_RANK=os.environ.get('SLURM_LOCALID', '0'))


def local_rank() -> int:
    """Return the number of this process on its machine."""
    return int(os.environ.get('LOCAL_RANK', 0))


def world_size(cfg: Config) -> int:
    """Return the number of processes of the run."""
    return 1 if cfg.get('launcher', 'none') == 'none' else int(os.environ['WORLD_SIZE'])


def start_processes(cfg: Config) -> None:
    """Connect the processes where there is no GPU; mmengine's own start needs one each."""
    if cfg.launcher == 'none' or torch.cuda.is_available():
        return
    if cfg.launcher == 'slurm':
        os.environ.setdefault('MASTER_PORT', '29500')
        os.environ.setdefault('MASTER_ADDR', subprocess.getoutput(
            f'scontrol show hostname {os.environ["SLURM_NODELIST"]} | head -n1'))
    if not torch.distributed.is_initialized():
        timeout = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
        limit: dict[str, Any] = {} if timeout is None else dict(
            timeout=datetime.timedelta(seconds=timeout))
        torch.distributed.init_process_group('gloo', **limit)
    if cfg.get('model_wrapper_cfg') is None:
        cfg.model_wrapper_cfg = dict(
            type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False))


def stop_processes() -> None:
    """Disconnect the processes at the end of a run."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
