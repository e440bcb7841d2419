"""Recalibrates BN statistics after the network has changed."""
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine import dist
from mmengine.model import BaseModel
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .norms import statistics, tracks_statistics


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """Return BN layers of ``model`` that track statistics and still hold a channel."""
    return [m for m in model.modules() if tracks_statistics(m) and m.num_features]


@torch.no_grad()
def recalibrate(models: Sequence[BaseModel], batches: Iterable[dict[str, Any]]) -> int:
    """Replace the running statistics by cumulative averages over training batches (Sec. 3.1).

    Dropout is off. Statistics are averaged over ranks, so that all agree to the bit.

    Args:
        models (Sequence[BaseModel]): OpenMMLab models; each sees every batch.
        batches (Iterable[dict[str, Any]]): Batches as the training loader gives them.

    Returns:
        int: Batches seen.
    """
    count = 0
    with _collecting(models):
        for batch in batches:
            count += 1
            for model in models:
                model(**model.data_preprocessor(batch, True), mode='tensor')
    average_statistics(models)
    return count


@torch.no_grad()
def average_statistics(models: Sequence[nn.Module]) -> None:
    """Average the running statistics over ranks; all ranks must call it.

    As differences from the first rank's, so that statistics that agree already keep every bit.

    Args:
        models (Sequence[nn.Module]): Of the same shapes on each rank.
    """
    norms = [bn for model in models for bn in batch_norms(model)]
    if dist.get_world_size() == 1 or not norms:
        return
    tensors = [t for bn in norms for t in statistics(bn)[:2]]
    flat = torch.cat([t.flatten() for t in tensors])
    first = flat.clone()
    dist.broadcast(first)
    flat -= first
    dist.all_reduce(flat, op='mean')
    flat += first
    for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


@contextmanager
def _collecting(models: Sequence[nn.Module]) -> Iterator[None]:
    """Let BN layers collect cumulative averages from zero, everything else in eval mode.

    Layers that no batch reaches (those of an auxiliary head) keep their statistics.
    """
    training = [(m, m.training) for model in models for m in model.modules()]
    norms = [bn for model in models for bn in batch_norms(model)]
    momenta = [bn.momentum for bn in norms]
    before = [[t.clone() for t in statistics(bn)] for bn in norms]
    for model in models:
        model.eval()
    for bn in norms:
        bn.reset_running_stats()
        bn.momentum = None
        bn.train()
    try:
        yield
    finally:
        for bn, momentum, (mean, var, seen) in zip(norms, momenta, before, strict=True):
            new_mean, new_var, count = statistics(bn)
            if not count:
                new_mean.copy_(mean)
                new_var.copy_(var)
            bn.momentum = momentum
            count.copy_(seen)
        for module, mode in training:
            module.training = mode
