"""Tiny runs in real processes that kill themselves at a named point, and what they leave behind.

``killed(folder, ('search', 4))`` trains in ``folder/work`` until SIGKILL strikes inside the search
of epoch 4; ``finish(folder)`` resumes and trains to the end; ``left(folder)`` is all that a run has
saved and logged, less clocks. ``stopped(folder, point, signal.SIGTERM)`` sends another signal
there, and the run ends by itself. Each process is new: forked from a server that has only imported
things.
"""
import builtins
import json
import os
import random
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

import forks
import numpy as np
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import checkpoint_hook
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from tiny import Probe, TinyImages, config, weaken

from mmst.engine import StopHook, WarmupEMA
from mmst.engine.optim import masked_optim_wrapper
from mmst.engine.run import timeline
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.pruning import pruner
from mmst.pruning.mask_in_force import MaskInForce
from mmst.search import recalibrate, surgery

TIMEOUT = 300
WORK = 'work'


@DATASETS.register_module(force=True)
class AugmentedImages(TinyImages):
    """Random images, augmented by Python's, NumPy's and torch's generators."""

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        image = sample['inputs'] + 0.1 * float(np.random.randn()) + 0.1 * torch.randn(3, 1, 1)
        return dict(sample, inputs=image.flip(-1) if random.random() < 0.5 else image)


@METRICS.register_module(force=True)
class MeanOutput(BaseMetric):
    """Tells networks apart to the last bit, and rises and falls like a real metric."""

    def process(self, data_batch, data_samples):
        self.results += [float(sample.double().abs().mean()) for sample in data_samples]

    def compute_metrics(self, results):
        return dict(score=float(np.mean(results)))


# ----------------------------------------------------------------------------------- the run


def settings(epochs=4, *, workers=2, sampler='DefaultSampler', **changes):
    """All that a resumed run could lose: Transformers with dropout, random augmentation in workers,
    AdamW, a one-cycle schedule, EMA, searches, prunes, reactivation, validation, ``save_best``."""
    arguments = dict(
        ticket=True, val=2, length=12, model=dict(transformer='shape_preserving'),
        prune=dict(sparsity=0.3, interval=1),
        optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.01),
        wrapper=dict(clip_grad=dict(max_norm=1.)),
        param_scheduler=[dict(type='OneCycleLR', eta_max=0.02, total_steps=epochs, by_epoch=True,
                              convert_to_iter_based=True)],
        checkpoint=dict(interval=1, max_keep_ckpts=2, save_best='score', rule='greater'))
    cfg = config(WORK, epochs, **dict(arguments, **changes))
    cfg.train_dataloader.dataset.type = 'AugmentedImages'
    cfg.train_dataloader.update(num_workers=workers, persistent_workers=False)
    cfg.train_dataloader.sampler.type = sampler
    if workers:
        cfg.train_dataloader.worker_init_fn = dict(type='mmst.seed_worker')
    if 'val_evaluator' in cfg:
        cfg.val_evaluator = dict(type='MeanOutput')
    cfg.default_hooks.logger.interval = 1
    cfg.default_hooks.update(seed=dict(type='mmst.SeedHook'), finite=dict(type='mmst.FiniteHook'),
                             timeline=dict(type='mmst.TimelineHook'),
                             resume=dict(type='mmst.ResumeHook'))
    return cfg


#: Searches at 4 and 8, prunes at each second iteration, checkpoints at each third.
ITERATIONS = dict(
    sampler='InfiniteSampler', val=4, search=dict(interval=4), prune=dict(interval=2, sparsity=0.3),
    train_cfg=dict(type='IterBasedTrainLoop', max_iters=9, val_interval=4),
    param_scheduler=dict(type='PolyLR', power=0.9, end=9, by_epoch=False),
    checkpoint=dict(by_epoch=False, interval=3, max_keep_ckpts=2, save_best='score',
                    rule='greater'))


def plain(epochs=2, **changes):
    """A config of mmengine alone: the random state comes from the checkpoint."""
    cfg = settings(epochs, workers=0, val=0, ticket=False, search=False, prune=False,
                         recalibrate=False, wrapper=dict(type='OptimWrapper'), **changes)
    for name in ('seed', 'finite', 'timeline', 'resume', 'interim_metrics'):
        del cfg.default_hooks[name]
    cfg.default_hooks.checkpoint.type = 'CheckpointHook'
    return cfg


def train(resume=False, kill=None, number=signal.SIGKILL, build=settings, **changes) -> Runner:
    """Train in this process, in the current directory; a third of the units weakens by itself.

    ``build(**changes)`` gives the config.
    """
    cfg = build(**changes)
    cfg.resume = resume
    runner = Runner.from_cfg(cfg)
    step = 'iter' if isinstance(runner.train_loop, IterBasedTrainLoop) else 'epoch'
    runner.register_hook(Probe(**{f'after_train_{step}': weaken(0.35)}), 60)
    if kill is not None:
        plan_kill(runner, *kill, number=number)
    if number == signal.SIGKILL:
        runner.train()
        return runner
    runner.register_hook(StopHook())
    with runner.hooks[-1].signals:
        runner.train()
    return runner


# ------------------------------------------------------------------------------- the kill


def plan_kill(runner, point, epoch, nth=1, after=False, number=signal.SIGKILL) -> None:
    """Let a signal strike at the ``nth`` passage of ``point`` in ``epoch``; ``after`` it, if so."""
    owner, name = POINTS[point]
    original = getattr(owner, name, None) or getattr(builtins, name)
    passages, start = [], time.monotonic()

    def deadly(*args, **kwargs):
        in_time = runner.epoch + 1 == epoch and _concerns(point, args)
        passages.extend([1] * in_time)
        strikes = in_time and len(passages) == nth
        if strikes:
            moment = dict(epochs=runner.epoch, iterations=runner.iter,
                          seconds=round(time.monotonic() - start, 2))
            Path(MOMENT).write_text(json.dumps(moment))
        if strikes and not after:
            _die(point, args, number)
        result = original(*args, **kwargs)
        if strikes and after:
            _die(number=number)
        return result

    setattr(owner, name, deadly)


#: Records what was done when the kill struck.
MOMENT = 'moment.json'

#: Where a kill can strike: the function that is passed. Of those that act on files, only
#: passages for the file that the point is named after.
POINTS = {
    'epoch': (EpochBasedTrainLoop, 'run_epoch'),
    'step': (BaseModel, 'train_step'),
    'penalty and masking': (masked_optim_wrapper, 'mask_gradients'),
    'zeroing': (masked_optim_wrapper, 'zero_pruned'),
    'averaging': (WarmupEMA, 'update_parameters'),
    'search': (surgery.Cut, '__call__'),
    'prune': (pruner, 'draw_mask'),
    'masks in force': (MaskInForce, 'put'),
    'reactivation': (masked_optim_wrapper, 'reactivate'),
    'recalibration': (recalibrate, 'average_statistics'),
    'saving': (Runner, 'save_checkpoint'),
    'write epoch_': (os, 'fsync'),
    'rename epoch_': (os, 'replace'),
    'write iter_': (os, 'fsync'),
    'write ticket': (os, 'fsync'),
    'rename ticket': (os, 'replace'),
    'open last_checkpoint': (checkpoint_hook, 'open'),
    'write best_': (os, 'fsync'),
    'validation': (Evaluator, 'process'),
    'iteration': (IterBasedTrainLoop, 'run_iter'),
}


FILE_OF = dict(write=lambda args: os.readlink(f'/proc/self/fd/{args[0]}'),
               rename=lambda args: args[1], open=lambda args: args[0])


def _concerns(point, args) -> bool:
    """Whether a passage of a function that acts on files is about the point's file."""
    kind, _, name = point.partition(' ')
    if kind not in FILE_OF:
        return True
    path = Path(FILE_OF[kind](args))
    return path.name.lstrip('.').startswith(name) or path.parent.name == f'{name}s'


def _die(point='', args=(), number=signal.SIGKILL) -> None:
    if point.startswith('write') and number == signal.SIGKILL:  # half of the file is on the disk
        os.truncate(args[0], os.fstat(args[0]).st_size // 2)
    os.kill(os.getpid(), number)


# ------------------------------------------------------------------------------ processes


def killed(folder, kill, **changes) -> None:
    """Train in a process until it is killed; ``kill`` as for ``plan_kill``."""
    code = _process(folder, kill=kill, **changes)
    assert code == -signal.SIGKILL, f'exit code {code}: {(Path(folder) / "log").read_text()}'


def stopped(folder, kill, number, **changes) -> str:
    """Train in a process until ``kill`` sends it a signal; what it has printed."""
    code = _process(folder, kill=kill, number=number, **changes)
    printed = (Path(folder) / 'log').read_text()
    assert code == 128 + number, f'exit code {code}: {printed}'
    return printed


def finish(folder, resume=True, **changes) -> None:
    """Train in a process to the end."""
    code = _process(folder, resume=resume, **changes)
    assert code == 0, f'exit code {code}: {(Path(folder) / "log").read_text()}'


def _process(folder, **arguments) -> int:
    Path(folder).mkdir(parents=True, exist_ok=True)
    process = forks.context().Process(target=_serve, args=(str(folder), arguments))
    process.start()
    process.join(TIMEOUT)
    process.kill()
    process.join()
    return process.exitcode


def lead(folder, arguments) -> None:
    """Train as the leader of a session, in which its data loading workers are, too."""
    os.setsid()
    _serve(folder, arguments)


def _serve(folder, arguments) -> None:
    os.chdir(folder)
    sys.stdout = sys.stderr = open('log', 'w')  # noqa: SIM115
    torch.set_num_threads(1)
    # mmengine warns of workers' start method after a fork server, and of accumulation. What is
    # printed apart from warnings is what a user reads.
    warnings.simplefilter('ignore')
    try:
        train(**arguments)
    except SystemExit:
        sys.stdout.flush()
        raise
    except BaseException:
        traceback.print_exc()
        sys.stdout.flush()
        os._exit(1)


# ------------------------------------------------------------------------- what is left


def left(folder) -> dict:
    """Return the files and the log of a run."""
    return dict(saved(folder), log=logged(folder))


def logged(folder) -> dict:
    """Losses, learning rates and metrics of each step, of all processes of a run together.

    Each step has one entry, unless a process has logged something else than the one before it.
    """
    found = {}
    for path in (Path(folder) / WORK).glob('*/vis_data/scalars.json'):
        for line in path.read_text().splitlines():
            entry = {key: value for key, value in json.loads(line).items()
                     if not key.endswith(('time', 'memory'))}
            kind = 'train' if 'loss' in entry else 'validation'
            found.setdefault(f'{kind} {entry["step"]}', set()).add(json.dumps(entry))
    return {step: sorted(entries) for step, entries in found.items()}


def saved(folder) -> dict:
    """Checkpoints, tickets and the summary of a run by file name, less what clocks have written."""
    work = Path(folder) / WORK
    found = {str(path.relative_to(work)): _timeless(safe_load(str(path), 'cpu'))
             for path in [*work.glob('*.pth'), *work.glob('tickets/*.pth')]}
    for path in work.glob('*.json'):
        found[path.name] = json.loads(path.read_text())
    found.pop('mmst_run.json', None)
    found[timeline.FILE] = (work / timeline.FILE).read_text()
    found['last_checkpoint'] = Path((work / 'last_checkpoint').read_text()).name
    return found


def _timeless(content) -> dict:
    for key in ('mmst_run', 'mmst_digests'):  # a digest is of the clocks, too
        content.pop(key, None)
    # The version names the commit of the folder that a run is started in.
    for key in ('time', 'experiment_name', 'cfg', 'mmengine_version'):
        content['meta'].pop(key, None)
    hub = content.get('message_hub', {})
    for name in [name for name in hub.get('log_scalars', {}) if 'time' in name]:
        del hub['log_scalars'][name]
    known = hub.get('runtime_info', {})
    for key in ('cfg', 'experiment_name', 'eta', 'mmengine_version'):
        known.pop(key, None)
    for key in {'last_ckpt', 'best_ckpt'} & known.keys():
        known[key] = Path(known[key]).name
    return content


def differences(left, right, path='') -> list:
    """Paths of all that is not equal, type and bits."""
    if isinstance(left, dict) and isinstance(right, dict):
        found = [f'{path}/{key}' for key in left.keys() ^ right.keys()]
        return found + [line for key in left.keys() & right.keys()
                        for line in differences(left[key], right[key], f'{path}/{key}')]
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        if len(left) != len(right):
            return [f'{path} (length)']
        return [line for i, pair in enumerate(zip(left, right, strict=True))
                for line in differences(*pair, f'{path}/{i}')]
    return [] if _bits(left) == _bits(right) else [path]


def _bits(value):
    if isinstance(value, HistoryBuffer):
        return [array.tobytes() for array in value.data]
    if torch.is_tensor(value):
        value = value.detach().contiguous().numpy()
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.shape, value.tobytes()
    return type(value), value
