"""Refuses settings of distributed runs that cannot work with networks that shrink."""

from mmengine import dist
from mmengine.config import Config
from mmengine.device import is_cuda_available
from mmengine.model import MMSeparateDistributedDataParallel, is_model_wrapper
from mmengine.registry import MODEL_WRAPPERS
from mmengine.runner import Runner
from torch.nn.parallel import DistributedDataParallel

from ...errors import MMSTError, config_error

DEFAULT = 'MMDistributedDataParallel'

def check_config(cfg: Config) -> None:
    """Refuse settings that would fail as soon as the model is wrapped for several processes.

    Raises:
        ConfigError: Naming key, value and remedy.
    """
    if cfg.get('launcher', 'none') == 'none':
        return
    if cfg.get('runner_type', 'Runner') == 'FlexibleRunner':
        raise config_error('runner_type', 'FlexibleRunner', 'it cannot wrap a model again after a '
                           'removal', 'use mmengine\'s Runner on several processes')
    _check_wrapper(MODEL_WRAPPERS.get((cfg.get('model_wrapper_cfg') or {}).get('type', DEFAULT)))
    if not is_cuda_available() and 'SyncBN' in str(cfg.model):
        raise config_error('model', 'SyncBN', 'it runs on GPUs only', 'use \'BN\': statistics are '
                           'averaged over all processes at each recalibration anyhow')
    kind = cfg.get('sync_bn')
    if kind is None:
        return
    if kind != 'torch':
        raise config_error('sync_bn', kind, 'only torch\'s layers can shrink', 'use \'torch\'')
    if not is_cuda_available():
        raise config_error('sync_bn', kind, 'torch\'s SyncBatchNorm runs on GPUs only',
                           'omit it: statistics are averaged over all processes at each '
                           'recalibration anyhow')


def stop_together(problem: MMSTError | None) -> None:
    """Raise an error on all processes that one of them has found.

    All ranks must call this.

    Args:
        problem (MMSTError, optional): The error that this process has found.

    Raises:
        MMSTError: Of the first process that has found anything.
    """
    alone = dist.get_world_size() == 1
    for found in [problem] if alone else dist.all_gather_object(problem):
        if found is not None:
            raise found


def check_processes(runner: Runner) -> None:
    """Refuse settings that would end in a hang or in an error in the middle of a distributed run.

    All ranks must call this.

    Raises:
        ConfigError: Naming key, value and remedy; on all ranks.
    """
    check_config(runner.cfg)
    if is_model_wrapper(runner.model):
        _check_wrapper(type(runner.model))
    if type(runner.optim_wrapper.optimizer).__name__ == 'ZeroRedundancyOptimizer':
        raise config_error(
            'optim_wrapper.optimizer.type', 'ZeroRedundancyOptimizer', 'it keeps each state on one '
            'process only, where a removal cannot follow', 'use a plain optimizer, e.g. AdamW')
    _check_batches(dist.all_gather_object(len(runner.train_dataloader)))


def _check_wrapper(kind: type | None) -> None:
    """Refuse wrappers that cannot follow a search; mmengine reports unknown ones."""
    if kind is None:
        return
    one_reducer = (issubclass(kind, DistributedDataParallel)
                   and kind is not MMSeparateDistributedDataParallel)
    if not one_reducer:
        raise config_error('model_wrapper_cfg.type', kind.__name__, 'the shapes of its parameters '
                           'cannot change during training', f'use {DEFAULT}')


def _check_batches(counts) -> None:
    if len(set(counts)) > 1:
        raise config_error(
            'train_dataloader', counts, 'the processes have different numbers of batches and would '
            'wait for each other forever',
            'let the sampler fill up (round_up=True, its default) or set drop_last=True')
