"""Settings of distributed runs that cannot work with networks that shrink."""
from mmengine import dist
from mmengine.config import Config
from mmengine.device import is_cuda_available
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel

from ..errors import config_error


def check_config(cfg: Config) -> None:
    """Refuse what would fail as soon as the model is wrapped for several processes.

    Raises:
        ConfigError: Naming key, value and remedy.
    """
    kind = cfg.get('sync_bn')
    if kind is None or cfg.get('launcher', 'none') == 'none':
        return  # mmengine converts nothing for one process
    if kind != 'torch':
        raise config_error('sync_bn', kind, 'only torch\'s layers can shrink', 'use \'torch\'')
    if not is_cuda_available():
        raise config_error('sync_bn', kind, 'torch\'s SyncBatchNorm runs on GPUs only',
                           'leave it away: statistics are averaged over all processes at each '
                           'recalibration anyhow')


def check_processes(runner: Runner) -> None:
    """Refuse what would end in a hang or in an error in the middle of a distributed run.

    All ranks must call this.

    Raises:
        ConfigError: Naming key, value and remedy; on all ranks.
    """
    check_config(runner.cfg)
    model = runner.model
    if is_model_wrapper(model) and not isinstance(model, DistributedDataParallel):
        raise config_error(
            'model_wrapper_cfg.type', type(model).__name__, 'the shapes of its parameters cannot '
            'change during training', 'use MMDistributedDataParallel')
    if isinstance(runner.optim_wrapper.optimizer, ZeroRedundancyOptimizer):
        raise config_error(
            'optim_wrapper.optimizer.type', 'ZeroRedundancyOptimizer', 'it keeps each state on one '
            'process only, where a removal cannot follow', 'use a plain optimizer, e.g. AdamW')
    _check_batches(dist.all_gather_object(len(runner.train_dataloader)))


def _check_batches(counts) -> None:
    if len(set(counts)) > 1:
        raise config_error(
            'train_dataloader', counts, 'the processes have different numbers of batches and would '
            'wait for each other forever',
            'let the sampler fill up (round_up=True, its default) or set drop_last=True')
