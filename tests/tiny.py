"""A whole two-in-one training run on random images: about a second on one core.

``run(tmp_path, prune=dict(sparsity=0.3))`` trains to the end and returns the runner. Hooks are
changed by name, as in a config; validation, checkpoints and tickets are off unless asked for.
"""
import itertools
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import mmst  # noqa: F401
from mmst.engine.hooks.mask_hook import MaskHook
from mmst.engine.run.events import events
from mmst.engine.run.runner_views import averaged_model, find_hook, unwrap
from mmst.registry import MODELS as MMST_MODELS
from mmst.search.units import find_units

SIZE = (16, 16)
CLASSES = 3
BACKBONE = dict(type='mmst.HRNASSupernet', stem_channels=(4, 4), channels=((4, ), (4, 4)),
                depths=((1, ), (1, 1)), expand_ratio=2, tokens=4, transformer='none', momentum=0.1)
NECK = dict(type='mmst.DensePredictionNeck', in_channels=(4, 4), out_channels=4, expand_ratio=2,
            tokens=4, transformer='none', momentum=0.1)
ROOT = Path(__file__).parents[1]


# ------------------------------------------------------------------ what a run consists of


@MODELS.register_module(force=True)
class TinySegmentor(BaseModel):
    """Backbone, neck and a 1x1 classifier."""

    def __init__(self, backbone, neck, data_preprocessor=None, init_cfg=None):
        super().__init__(data_preprocessor, init_cfg)
        self.backbone = MMST_MODELS.build(backbone)
        self.neck = MMST_MODELS.build(neck)
        self.classifier = nn.Conv2d(neck['out_channels'], CLASSES, 1)

    def forward(self, inputs, labels=None, mode='tensor'):
        out = self.classifier(self.neck(self.backbone(inputs))[0])
        if mode == 'loss':
            return dict(loss=F.cross_entropy(out, labels))
        return list(out.split(1)) if mode == 'predict' else out


@DATASETS.register_module(force=True)
class TinyImages(Dataset):
    """Random images; a pixel's class is its strongest colour. ``noise``: random augmentation."""
    metainfo = dict(classes=('a', 'b', 'c'))

    def __init__(self, length=8, noise=0.):
        generator = torch.Generator().manual_seed(3)
        self.images = torch.randn(length, 3, *SIZE, generator=generator)
        self.labels = F.avg_pool2d(self.images, 4).argmax(1)
        self.noise = noise

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        if self.noise:
            image = image + self.noise * torch.randn(image.shape)
        return dict(inputs=image, labels=self.labels[index])


@METRICS.register_module(force=True)
class ScriptedMetric(BaseMetric):
    """One value per evaluation, in the order in which a test wants them; then 0."""

    def __init__(self, values=()):
        super().__init__()
        self.values = iter(values)

    def process(self, data_batch, data_samples):
        self.results.append(None)

    def compute_metrics(self, results):
        return dict(score=next(self.values, 0.))


class Probe(Hook):
    """Calls a test's functions of the runner at hook points."""

    def __init__(self, **functions):
        for name, function in functions.items():
            setattr(self, name, lambda runner, *_, _call=function, **__: _call(runner))


class PlainConfig(Config):
    """Formatting a config as code takes longer than a tiny run."""

    @property
    def pretty_text(self):
        return str(self.to_dict())


# --------------------------------------------------------------------------------- the run


def config(work_dir, epochs=4, *, ema=True, search=True, prune=True, recalibrate=True,
           ticket=False, checkpoint=None, val=0, scores=(), model=None, optimizer=None,
           wrapper=None, length=8, batch_size=4, noise=0., **more) -> Config:
    """A run's config.

    Args:
        ema, search, prune, recalibrate, ticket: False, True or changes to the hook's settings.
        checkpoint (dict): Settings of the checkpoint hook; none are saved by default.
        val (int): Interval of validation, 0 for none.
        scores: The metric's values, one an evaluation.
        model (dict): Changes to backbone and neck.
        wrapper (dict): Changes to the optimizer wrapper.
        more: Any other entry of a config.
    """
    changes = model or {}
    loader = dict(batch_size=batch_size, num_workers=0, collate_fn=dict(type='default_collate'),
                  dataset=dict(type='TinyImages', length=length, noise=noise))
    optim = dict(type='mmst.MaskedOptimWrapper',
                 optimizer=optimizer or dict(type='SGD', lr=0.05, momentum=0.9))
    cfg = dict(
        default_scope='mmengine', work_dir=str(work_dir), log_level='ERROR',
        experiment_name=f'tiny_{next(_COUNTER)}', randomness=dict(seed=0),
        model=dict(type='TinySegmentor', backbone=dict(BACKBONE, **changes), neck=dict(
            NECK, **{key: value for key, value in changes.items() if key in NECK})),
        train_cfg=dict(by_epoch=True, max_epochs=epochs, val_interval=val or 1),
        train_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=True)),
        optim_wrapper=dict(optim, **(wrapper or {})),
        default_hooks=default_hooks(ema, search, prune, recalibrate, ticket, checkpoint))
    if val:
        cfg.update(val_cfg={}, val_evaluator=dict(type='ScriptedMetric', values=scores),
                   val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)))
    return PlainConfig(dict(cfg, **more))


_COUNTER = itertools.count()


def default_hooks(ema=True, search=True, prune=True, recalibrate=True, ticket=False,
                  checkpoint=None) -> dict:
    """The hooks of a run by name, as in ``configs/_base_/two_in_one.py``."""
    hooks = dict(
        logger=dict(type='LoggerHook', interval=1000),
        ema=_hook(ema, **dict(shipped_hooks().ema, momentum=0.2)),
        search=_hook(search, type='mmst.SearchHook', interval=2, rho=0.1, warmup=0,
                     input_shape=SIZE),
        prune=_hook(prune, type='mmst.PruneHook', sparsity=0.5, interval=1),
        recalibrate=_hook(recalibrate, type='mmst.RecalibrateHook', batches=2, batch_size=4),
        ticket=_hook(ticket, type='mmst.TicketHook'),
        checkpoint=dict(checkpoint or dict(interval=10**6, save_last=False),
                        type='mmst.TicketCheckpointHook'),
        interim_metrics=dict(type='mmst.InterimMetricsHook'))
    return {name: hook for name, hook in hooks.items() if hook}


def shipped_hooks():
    """The hooks that the shipped configs share."""
    return Config.fromfile(ROOT / 'configs' / '_base_' / 'two_in_one.py').default_hooks


def _hook(changes, **settings):
    return dict(settings, **(changes if isinstance(changes, dict) else {})) if changes else None


def make(work_dir, *args, probes=(), **kwargs) -> Runner:
    """A runner that has not started. ``probes``: a priority and a Probe's functions each."""
    runner = Runner.from_cfg(config(work_dir, *args, **kwargs))
    for priority, functions in probes:
        runner.register_hook(Probe(**functions), priority)
    return runner


def run(work_dir, *args, **kwargs) -> Runner:
    """Train to the end."""
    runner = make(work_dir, *args, **kwargs)
    runner.train()
    return runner


# ------------------------------------------------------------------------ looking at a run


def timeline(runner, *kinds) -> list:
    """Kind and step of the events, of all kinds or of those named."""
    return [(e['kind'], e['step']) for e in events(runner) if not kinds or e['kind'] in kinds]


def prunes(runner) -> list:
    """The events of all prunes."""
    return [e for e in events(runner) if e['kind'] == 'prune']


def pruned_weights(runner):
    """(name, weight, averaged weight or None, bool mask True where pruned) of each weight."""
    average = averaged_model(runner)
    copies = dict(average.module.named_parameters()) if average else {}
    masks = runner.optim_wrapper.masks
    for name, weight in find_hook(runner, MaskHook).weights(runner).items():
        if weight in masks:
            yield name, weight, copies.get(name), masks[weight]['pruned']


def weaken(share=0.5, seed=5, kinds=('channel', 'token'), epoch=None):
    """A probe's function: γ and β of a random share of all units become 0, also the averaged.

    At the end of each epoch, or of the ``epoch`` that is given (counted from 1).
    """

    @torch.no_grad()
    def act(runner):
        if epoch not in (None, runner.epoch + 1):
            return
        groups = find_units(unwrap(runner))
        copies = find_units(averaged_model(runner).module) if averaged_model(runner) else groups
        generator = torch.Generator().manual_seed(seed)
        for name, group in groups.items():
            weak = torch.rand(len(group), generator=generator) < share
            for bn in (group.bn, copies[name].bn):
                if group.kind in kinds:
                    bn.weight[weak] = bn.bias[weak] = 0.

    return act


#: Before the search of each epoch's end, a third of the units becomes unimportant.
WEAKEN = (60, dict(after_train_epoch=weaken(0.35)))
