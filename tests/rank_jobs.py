"""Jobs for the processes of ``ranks``: tiny runs, looked at from inside."""
import contextlib
import hashlib
import io
import os
import time
import warnings
from unittest import mock

import tiny
import torch
from mmengine import dist
from tiny import averaged_model, find_hook, find_units, make, unwrap

from mmst.cli.ending import end_in_one_line
from mmst.engine import DistillationHook, PruneHook, SearchHook, training
from mmst.engine.run import launcher
from mmst.engine.run.events import events, happened
from mmst.engine.run.runner_views import models, refresh_averaged
from mmst.search.recalibrate import average_statistics

#: As ``tools/train.py`` sets it where there is no GPU.
ON_CPU = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)

#: Between recalibrations each process has the BN statistics of its own batches.
LOCAL = ('statistics', 'averaged statistics')


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


def differences(states):
    """Return the differences between ranks at an epoch's end, local statistics left out."""
    recalibrated = states[0]['recalibrated']
    assert {s['step'] for s in states} == {states[0]['step']}
    assert all(s['events'] == states[0]['events'] for s in states)
    names = {key for s in states for key in s['digests'] if recalibrated or key[0] not in LOCAL}
    return {key for key in names if len({s['digests'].get(key) for s in states}) > 1}


def refused(folder, wrong, **settings):
    """Exit code and error output of a run of which the rank ``wrong`` has another config."""
    cfg = tiny.config(folder, 2, launcher='pytorch', **settings)
    if int(os.environ['RANK']) == wrong:
        cfg.optim_wrapper.optimizer.type = 'AdmaW'
    output = io.StringIO()
    with contextlib.redirect_stderr(output):
        code = end_in_one_line('train.py', lambda: run_to_the_end(cfg))
    return code, output.getvalue()


def run_to_the_end(cfg) -> None:
    """Train a config as ``mmst train`` does."""
    training.train(cfg)


def refused_as_on_gpus(address, folder, wrong):
    """The same before the processes are connected, on the path of GPUs (here with gloo).

    Exit code, error output, and whether the process was connected by ``init_dist``.
    """
    torch.distributed.destroy_process_group()
    os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(address))
    with (mock.patch.object(launcher, 'is_cuda_available', lambda: True),
          mock.patch('torch.cuda.set_device'), warnings.catch_warnings()):
        warnings.simplefilter('ignore')
        code, output = refused(folder, wrong, env_cfg=dict(
            dist_cfg=dict(backend='gloo', timeout=60)))
    return code, output, dist.get_world_size()


def distributed(wrap=None) -> dict:
    """Settings of a run on several processes."""
    if dist.get_world_size() == 1:
        return {}
    return dict(launcher='pytorch', model_wrapper_cfg=dict(ON_CPU, **(wrap or {})))


def state(runner) -> dict:
    """All that training goes on from, as digests: (part, name) to text, and the events so far."""
    model, ema = unwrap(runner), averaged_model(runner)
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
    if runner.epoch + 1 == epoch:
        with torch.no_grad():
            DAMAGE[what](runner)


def damage_at_iteration(what, iteration, runner) -> None:
    """Change one number by hand at an iteration's end."""
    if runner.iter + 1 == iteration:
        with torch.no_grad():
            DAMAGE[what](runner)


def _damage_weight(runner):
    last = list(unwrap(runner).backbone.parameters())[-1].view(-1)
    last[-1] = torch.nextafter(last[-1], last[-1] + 1)


def _damage_average(runner):
    next(averaged_model(runner).module.parameters()).view(-1)[0] += 1e-6


def _damage_mask(runner):
    pruned = next(iter(runner.optim_wrapper.masks.values()))['pruned']
    flat = pruned.view(-1)
    flat[0], flat[-1] = ~flat[0], ~flat[-1]


def _damage_statistics(runner):
    bn = next(m for m in unwrap(runner).modules() if hasattr(m, 'running_mean'))
    bn.running_mean[0] += 1e-3


def _damage_shape(runner):
    weight = averaged_model(runner).module.classifier.weight
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
    names = {p: name for name, p in unwrap(runner).named_parameters()}
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


# ------------------------------------------------------------------------------ weights that return


#: A value that no weight has by itself.
HIGH = 100.


def train_returning(work_dir, settings, ema, prune) -> dict:
    """A run whose weights jump when they return; digests of all that it ends with."""

    @torch.no_grad()
    def jump(runner):
        if runner.epoch == 4 and runner.iter == 4 * len(runner.train_dataloader):
            for weight, state in runner.optim_wrapper.returned.items():
                weight[state['returned']] = HIGH

    states = train(work_dir, **settings, ema=ema, prune=prune, length=16,
                   probes=[(99, dict(before_train_iter=jump))])
    return {key: text for key, text in states[-1]['digests'].items() if 'statistics' not in key[0]}


def gathered(*args, **kwargs) -> dict:
    """The mean over the processes of the gradients that wait for their step after an epoch."""
    found = {}

    def keep(runner):
        if runner.epoch == 0:
            found.update((name, p.grad.clone()) for name, p in unwrap(runner).named_parameters()
                         if p.grad is not None)

    train(*args, **dict(kwargs, probes=[(95, dict(after_train_epoch=keep))]))
    for gradient in found.values():
        dist.all_reduce(gradient, op='mean')
    return found


def evaluations(*args, **kwargs) -> list:
    """Digests of the network that each evaluation sees, with the averaged copy next to it, and the
    recalibrations that were before it."""
    found = []

    def look(runner):
        tensors = {f'{i}.{name}': digest(t) for i, m in enumerate(models(runner))
                   for name, t in m.state_dict().items()}
        found.append((len([e for e in events(runner) if e['kind'] == 'recalibrate']), tensors))

    make(*args, **dict(kwargs, probes=[*kwargs.get('probes', ()),
                                       ('LOWEST', dict(before_val_epoch=look))]),
         **distributed()).train()
    return found


def evaluate_at_iteration_1(runner) -> None:
    """An evaluation in the middle of the first epoch."""
    if runner.iter == 1:
        runner.val_loop.run()


def average_equal_statistics() -> bool:
    """Whether equal statistics are left as they are."""
    torch.manual_seed(0)
    bn = torch.nn.BatchNorm2d(1000)
    torch.nn.init.normal_(bn.running_mean)
    before = bn.running_mean.clone()
    average_statistics([bn])
    return torch.equal(bn.running_mean, before)


def teacher(runner) -> dict:
    """The dense average that the network learns from, as digests."""
    hook = find_hook(runner, DistillationHook)
    return {name: digest(value) for name, value in hook.average.module.state_dict().items()}


def levels(runner) -> dict:
    """The levels of the mask in force, as digests."""
    masks = runner.optim_wrapper.masks
    return {name: digest(masks[weight]['kept_by']) for name, weight in
            find_hook(runner, PruneHook).weights(runner).items()}
