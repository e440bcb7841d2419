"""Jobs for the processes of ``ranks``: gradients of tiny runs, and synchronised norms."""
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from mmengine import dist
from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS
from rank_jobs import distributed
from tiny import events, make, unwrap
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Sampler

from mmst.engine.run.runner_views import models

# ------------------------------------------------------------------ gradients in double precision


@DATA_SAMPLERS.register_module(force=True)
class HalvesSampler(Sampler):
    """Batches of two processes in turn, as one process sees them that averages over pairs."""

    def __init__(self, dataset, batch_size, seed=0):
        self.ranks = [DefaultSampler(dataset, shuffle=True, seed=seed) for _ in range(2)]
        for rank, sampler in enumerate(self.ranks):
            sampler.rank, sampler.world_size = rank, 2
            sampler.num_samples = len(dataset) // 2
        self.batch_size, self.length = batch_size, len(dataset)

    def __len__(self):
        return self.length

    def __iter__(self):
        orders = [list(sampler) for sampler in self.ranks]
        for start in range(0, len(orders[0]), self.batch_size):
            for order in orders:
                yield from order[start:start + self.batch_size]

    def set_epoch(self, epoch):
        for sampler in self.ranks:
            sampler.set_epoch(epoch)


def gradients(*args, probes=(), **kwargs) -> list:
    """The gradients of each step of a run in double precision: name to array, and its events."""
    found = []

    def watch(runner):
        names = {p: name for name, p in unwrap(runner).named_parameters()}
        runner.optim_wrapper.optimizer.register_step_pre_hook(lambda *_: found.append(
            {names[p]: p.grad.numpy().copy() for p in names if p.grad is not None}))

    torch.set_default_dtype(torch.float64)
    try:
        runner = make(*args, probes=[*probes, (1, dict(before_train=watch))], ema=False,
                      **dict(distributed(), **kwargs))
        runner.train()
    finally:
        torch.set_default_dtype(torch.float32)
    return found, [e for e in events(runner) if e['kind'] != 'recalibrate']


def assert_same_gradients(ours, reference) -> None:
    """Equal up to rounding in double precision, at every step and for every parameter."""
    assert len(ours) == len(reference)
    for step, (a, b) in enumerate(zip(ours, reference, strict=True)):
        assert set(a) == set(b)
        scale = max(np.abs(value).max(initial=0.) for value in b.values())
        for name in b:
            assert a[name].shape == b[name].shape
            assert np.abs(a[name] - b[name]).max(initial=0.) < 1e-9 * scale, (step, name)


# ------------------------------------------------------------------ synchronised norms on the CPU


def sync_forward(self, x) -> torch.Tensor:
    """Compute as ``torch.nn.SyncBatchNorm``, on the CPU too; batches of equal size."""
    if not self.training:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias,
                            eps=self.eps)
    count = dist.get_world_size() * x.numel() / x.shape[1]
    mean = all_reduce(x.sum((0, 2, 3))) / count
    centred = x - mean.view(-1, 1, 1)
    variance = all_reduce((centred**2).sum((0, 2, 3))) / count
    with torch.no_grad():
        self.num_batches_tracked += 1
        factor = 1. / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, float(factor))
        self.running_var.lerp_(variance * (count / (count - 1)), float(factor))
    scale = self.weight / (variance + self.eps).sqrt()
    return centred * scale.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


def synchronised(job, *args, **kwargs):
    """A job with ``sync_bn='torch'``; torch itself refuses to do that on the CPU."""
    refusal = mock.patch.object(DistributedDataParallel, '_passing_sync_batchnorm_handle')
    with mock.patch.object(torch.nn.SyncBatchNorm, 'forward', sync_forward), refusal:
        return job(*args, sync_bn='torch', **kwargs)


def count_norms(runner) -> list:
    """How many norms the model and its average have, and how many of them are synchronised."""
    return [(sum(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in network.modules()),
             sum(isinstance(m, torch.nn.SyncBatchNorm) for m in network.modules()))
            for network in models(runner)]
