"""What the processes of ``ranks`` do: tiny runs, looked at from inside."""
import hashlib
import os
import time
from unittest import mock

import numpy as np
import tiny
import torch
import torch.nn.functional as F
from mmengine import dist
from mmengine.dataset import DefaultSampler
from mmengine.registry import DATA_SAMPLERS, MODEL_WRAPPERS
from tiny import averaged, find_hook, find_units, make, unwrapped
from torch.distributed.nn.functional import all_reduce
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import Sampler

from mmst.engine import PruneHook, SearchHook
from mmst.engine.access import models, refresh_averaged
from mmst.engine.events import events, happened
from mmst.engine.work_dir import release

#: As ``tools/train.py`` sets it where there is no GPU.
ON_CPU = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)


def train(*args, probes=(), rank_probes=None, wrap=None, keep=None, **kwargs) -> list:
    """A tiny run; what each epoch ended with.

    ``probes``: as in ``tiny.make``. ``rank_probes``: rank to probes of that rank alone. ``wrap``:
    changes to the distributed wrapper. ``keep``: function of the runner, whose result is returned
    too.
    """
    found = []
    probes = [*probes, *(rank_probes or {}).get(dist.get_rank(), ())]
    probes += [(75, dict(after_train_epoch=lambda runner: found.append(state(runner))))]
    runner = make(*args, probes=probes, **distributed(wrap), **kwargs)
    runner.train()
    return (found, keep(runner)) if keep else found


def distributed(wrap=None) -> dict:
    """Settings of a run on several processes."""
    if dist.get_world_size() == 1:
        return {}
    return dict(launcher='pytorch', model_wrapper_cfg=dict(ON_CPU, **(wrap or {})))


def state(runner) -> dict:
    """All that training goes on from, as digests: (part, name) to text, and the events so far."""
    model, ema = unwrapped(runner), averaged(runner)
    names = {parameter: name for name, parameter in model.named_parameters()}
    found = {('parameters', name): digest(value) for name, value in model.named_parameters()}
    found.update((('statistics', name), digest(value)) for name, value in model.named_buffers())
    for parameter, values in runner.optim_wrapper.optimizer.state.items():
        found.update((('optimizer', f'{names[parameter]}.{key}'), digest(torch.as_tensor(value)))
                     for key, value in values.items() if value is not None)
    found.update((('masks', names[parameter]), digest(values['pruned']))
                 for parameter, values in runner.optim_wrapper.masks.items())
    if ema is not None:
        found.update((('averaged', name), digest(p)) for name, p in ema.module.named_parameters())
        found.update((('averaged statistics', name), digest(b))
                     for name, b in ema.module.named_buffers())
    step = runner.epoch + 1
    return dict(step=step, digests=found, recalibrated=happened(runner, step, 'recalibrate'),
                events=events(runner))


def digest(tensor) -> str:
    """Shape, type and a hash of the bits."""
    data = tensor.detach().cpu().contiguous()
    bits = data.flatten().view(torch.uint8).numpy().tobytes() if data.numel() else b''
    return f'{data.dtype} {tuple(data.shape)} {hashlib.sha1(bits).hexdigest()}'


# ------------------------------------------------------------------------------ probes' functions


def damage(what, epoch, runner) -> None:
    """Change one number by hand at an epoch's end."""
    if runner.epoch + 1 != epoch:
        return
    with torch.no_grad():
        DAMAGE[what](runner)


def _damage_weight(runner):
    last = list(unwrapped(runner).backbone.parameters())[-1].view(-1)
    last[-1] = torch.nextafter(last[-1], last[-1] + 1)


def _damage_average(runner):
    next(averaged(runner).module.parameters()).view(-1)[0] += 1e-6


def _damage_mask(runner):
    pruned = next(iter(runner.optim_wrapper.masks.values()))['pruned']
    flat = pruned.view(-1)
    flat[0], flat[-1] = ~flat[0], ~flat[-1]


def _damage_statistics(runner):
    bn = next(m for m in unwrapped(runner).modules() if hasattr(m, 'running_mean'))
    bn.running_mean[0] += 1e-3


def _damage_shape(runner):
    weight = averaged(runner).module.classifier.weight
    weight.requires_grad_(False).set_(weight.detach()[:2].clone())


DAMAGE = {'weights': _damage_weight, 'averaged weights': _damage_average, 'masks': _damage_mask,
          'BN statistics': _damage_statistics, 'shapes': _damage_shape}


def weaken(runner, share=0.35) -> None:
    """Before the search of an epoch's end, a share of the units becomes unimportant."""
    tiny.weaken(share)(runner)


def weaken_all(runner) -> None:
    """Every unit becomes unimportant."""
    tiny.weaken(1.)(runner)


FLAGS = torch.tensor([True, False, True])


def add_flags(runner) -> None:
    """A buffer of truth values, as some heads have one."""
    for network in models(runner):
        network.register_buffer('flags', FLAGS.clone())
    refresh_averaged(runner)


BOOL_BUFFER = (1, dict(before_train=add_flags))


# ------------------------------------------------------------------- gradients in double precision


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
        names = {p: name for name, p in unwrapped(runner).named_parameters()}
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
    for step, (a, b) in enumerate(zip(ours, reference)):
        assert set(a) == set(b)
        scale = max(np.abs(value).max(initial=0.) for value in b.values())
        for name in b:
            assert a[name].shape == b[name].shape
            assert np.abs(a[name] - b[name]).max(initial=0.) < 1e-9 * scale, (step, name)


# ------------------------------------------------------------------- synchronised norms on the CPU


def sync_forward(self, x) -> torch.Tensor:
    """What ``torch.nn.SyncBatchNorm`` computes, on the CPU too; batches of equal size."""
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


# ------------------------------------------------------------------ ranks of another mind


def disagree_on_units(runner) -> None:
    """γ of all units is small on this rank only: alone it would remove every one of them."""
    with torch.no_grad():
        for network in models(runner):
            for group in find_units(network).values():
                group.gamma.fill_(1e-6)


def disagree_on_weights(runner) -> None:
    """Magnitudes are turned round on this rank only: alone it would prune the largest."""
    if runner.epoch < 1:
        return
    with torch.no_grad():
        for weight in find_hook(runner, PruneHook).weights(runner).values():
            weight.copy_(1 / (weight + 1e-3))


def decisions(runner) -> dict:
    """Shapes, masks and events of a run."""
    names = {p: name for name, p in unwrapped(runner).named_parameters()}
    return dict(
        shapes=[{name: tuple(p.shape) for name, p in m.named_parameters()} for m in models(runner)],
        masks={names[p]: digest(m['pruned']) for p, m in runner.optim_wrapper.masks.items()},
        events=events(runner), survivors=getattr(find_hook(runner, SearchHook), 'survivors', None))


# ------------------------------------------------------------------------------- ranks that fail


def die(runner) -> None:
    """This process is gone, in the middle of an epoch."""
    if runner.iter == 3:
        os._exit(7)


def freeze(runner) -> None:
    """This process answers no more."""
    if runner.iter == 3:
        time.sleep(600)


def skip_ranks(*args, **kwargs) -> list:
    """A run whose sampler does not fill up: the ranks get different numbers of batches."""
    loader = tiny.config(*args, **kwargs).train_dataloader
    loader.sampler.update(round_up=False)
    return train(*args, train_dataloader=loader, **kwargs)


@MODEL_WRAPPERS.register_module(force=True)
class Sharded(torch.nn.Module):
    """Stands for wrappers that spread parameters over processes."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def train_step(self, *args, **kwargs):
        return self.module.train_step(*args, **kwargs)


def sharded(*args, **kwargs) -> list:
    """A run in another wrapper."""
    return make(*args, launcher='pytorch', model_wrapper_cfg=dict(type='Sharded'), **kwargs).train()


# ------------------------------------------------------------------------ runs that are moved


class Stop(Exception):
    """The run was stopped."""


MOVED = dict(
    length=8, batch_size=2, checkpoint=dict(interval=1), ticket=True, noise=0.1,
    probes=[(60, dict(after_train_epoch=weaken))],
    custom_hooks=[dict(type=f'mmst.{name}Hook') for name in ('Seed', 'Resume', 'Fingerprint')],
    optimizer=dict(type='AdamW', lr=0.01), search=dict(warmup=4),
    param_scheduler=dict(type='OneCycleLR', eta_max=0.01, total_steps=5, by_epoch=True,
                         convert_to_iter_based=True))


def begin(work_dir, stop, epochs=5) -> list:
    """A run that is stopped after the checkpoint of an epoch; its state then."""
    found = []

    def end(runner):
        found.append(state(runner))
        if runner.epoch + 1 == stop:
            raise Stop

    runner = make(work_dir, epochs, **distributed(), **dict(
        MOVED, probes=[*MOVED['probes'], (95, dict(after_train_epoch=end))]))
    try:
        runner.train()
    except Stop:
        release(work_dir)
    return found


def go_on(work_dir, epochs=5) -> tuple:
    """A resumed run: state at its start and at each epoch's end, and rates and places then."""
    found, places = [], []
    rates = lambda runner: places.append((  # noqa: E731
        runner.iter, runner.optim_wrapper.get_lr()['lr'][0], runner.optim_wrapper.penalty.rho))
    probes = [(100, dict(before_train=lambda runner: found.append(state(runner)))),
              (95, dict(after_train_epoch=lambda runner: found.append(state(runner)))),
              (95, dict(after_train_iter=rates))]
    make(work_dir, epochs, resume=True, **distributed(),
         **dict(MOVED, probes=[*MOVED['probes'], *probes])).train()
    return found, places
