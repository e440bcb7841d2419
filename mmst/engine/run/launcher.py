"""Connects the processes of a run, and disconnects them."""
import argparse
import datetime
import os
import subprocess
from collections.abc import Mapping
from typing import Any

import torch
from mmengine import dist
from mmengine.config import Config
from mmengine.device import is_cuda_available
from mmengine.utils.dl_utils import set_multi_processing

from ...errors import config_error
from ...settings.changes import change


def check_launcher(args: argparse.Namespace) -> None:
    """Make sure that the launcher has started this process; make slurm's variables torch's.

    Raises:
        ConfigError: No launcher has started this process.
    """
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


def with_wrapper(cfg: Config) -> Config:
    """Return the config with a model wrapper for several processes without GPUs, if it has none."""
    if (cfg.get('launcher', 'none') == 'none' or is_cuda_available()
            or cfg.get('model_wrapper_cfg') is not None):
        return cfg
    return change(cfg, model_wrapper_cfg=dict(
        type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False,
        find_unused_parameters=cfg.get('find_unused_parameters', False)))


def start_processes(cfg: Config) -> None:
    """Connect the processes, as ``env_cfg.dist_cfg`` says; by gloo where there is no GPU.

    mmengine's Runner does so by itself, but later than the processes need each other, and it wants
    a GPU for each. Those that are connected it leaves as they are.
    """
    if cfg.launcher == 'none':
        return
    if not torch.distributed.is_initialized():
        environment = cfg.get('env_cfg') or {}
        connect = _connect_gpus if is_cuda_available() else _connect_cpus
        connect(cfg.launcher, environment, dict(environment.get('dist_cfg') or {}))


def _connect_gpus(launched_by: str, environment: Mapping, settings: dict) -> None:
    """Connect as the Runner does, in its order: the first call decides how workers start."""
    set_multi_processing(**environment.get('mp_cfg', {}), distributed=True)
    dist.init_dist(launched_by, **settings)


def _connect_cpus(launched_by: str, environment: Mapping, settings: dict) -> None:
    if launched_by == 'slurm':
        os.environ.setdefault('MASTER_PORT', '29500')
        os.environ.setdefault('MASTER_ADDR', subprocess.getoutput(
            f'scontrol show hostname {os.environ["SLURM_NODELIST"]} | head -n1'))
    limit: dict[str, Any] = {} if settings.get('timeout') is None else dict(
        timeout=datetime.timedelta(seconds=settings['timeout']))
    torch.distributed.init_process_group('gloo', **limit)


def stop_processes() -> None:
    """Disconnect the processes at the end of a run."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
