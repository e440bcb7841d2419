"""Recognises batch normalisations in all the forms that they take in OpenMMLab."""
from typing import TypeGuard

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

#: mmcv's own synchronised BN is no subclass of torch's. By name: mmcv-lite does not have it.
_OTHERS = ('mmcv.ops.sync_bn.SyncBatchNorm', )


def is_batch_norm(module: nn.Module) -> TypeGuard[_BatchNorm]:
    """Return whether ``module`` is a BN of torch, of any dimension.

    Synchronised ones are, too, and mmengine's substitutes of them in runs of one process.

    Not so norms whose scales are no parameters (frozen ones of detectors), and other norms.
    """
    if isinstance(module, _BatchNorm):
        return True
    return any(f'{kind.__module__}.{kind.__qualname__}' in _OTHERS for kind in type(module).__mro__)


def has_scales(module: nn.Module) -> TypeGuard[_BatchNorm]:
    """Return whether ``module`` is a BN with scales γ, which can be importance factors."""
    return is_batch_norm(module) and isinstance(module.weight, nn.Parameter)


def tracks_statistics(module: nn.Module) -> TypeGuard[_BatchNorm]:
    """Return whether ``module`` is a BN that evaluates with statistics of its own."""
    return (is_batch_norm(module) and module.track_running_stats
            and module.running_mean is not None)


def statistics(norm: _BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    """Return running mean, variance and count of a layer that :func:`tracks_statistics`."""
    mean, variance, count = norm.running_mean, norm.running_var, norm.num_batches_tracked
    assert mean is not None and variance is not None and count is not None
    return mean, variance, count
