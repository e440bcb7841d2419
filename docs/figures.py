"""Draw docs/images/two_in_one.svg: events of the Cityscapes config over its 430 epochs.

    python docs/figures.py

The hooks are those of the config and run as they do in training, on a network of a few hundred
weights and random images; one iteration stands for an epoch. So searches, target, sparsity in force
and reactivations are theirs; the units that a search removes depend on the data and are not shown.
"""
import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.runner import Runner

import mmst
from mmst.engine import PruneHook
from mmst.engine.run.events import events
from mmst.engine.run.runner_views import find_hook
from mmst.registry import MODELS as MMST_MODELS

OUT = Path(__file__).parent / 'images' / 'two_in_one.svg'
CONFIG = 'st_hrnas_cityscapes_p90.py'
#: Colour-blind safe (Okabe and Ito).
BLUE, ORANGE, GREEN, GREY = '#0072B2', '#D55E00', '#009E73', '#999999'


@dataclass(frozen=True)
class Timeline:
    """Holds the share of weights that is 0 after each step of a run, and all events."""
    sparsity: Sequence[float]
    events: list[dict[str, Any]]

    def steps(self, kind: str) -> list[int]:
        """Return steps at which there was an event of a kind."""
        return [event['step'] for event in self.events if event['kind'] == kind]


@MODELS.register_module(force=True)
class FewWeights(BaseModel):
    """Builds the supernet's first stages, as narrow as they get, on images of 8x8."""

    def __init__(self):
        super().__init__()
        self.backbone = MMST_MODELS.build(dict(
            type='mmst.HRNASSupernet', stem_channels=(2, 2), channels=((2, ), (2, 2)),
            depths=((1, ), (1, 1)), expand_ratio=2, transformer='none'))

    def forward(self, inputs, mode='loss'):
        return dict(loss=sum(out.square().mean() for out in self.backbone(inputs)))


class _Record(Hook):
    """Notes the sparsity in force at the end of each step, when training goes on with it."""

    def __init__(self):
        self.sparsity = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        mask = find_hook(runner, PruneHook).mask_in_force(runner)
        self.sparsity.append(mask.sparsity if mask is not None else 0.)


def timeline(config: str = CONFIG, epochs: int = 0) -> Timeline:
    """Run a shipped config's hooks for its epochs, or for ``epochs`` of them."""
    cfg = Config.fromfile(mmst.cfg(config))
    hooks, record = cfg.default_hooks, _Record()
    images = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as work_dir:
        runner = Runner(
            model=dict(type='FewWeights'), work_dir=work_dir, log_level='ERROR',
            default_scope='mmengine', experiment_name=Path(work_dir).name,
            train_dataloader=dict(
                batch_size=2, dataset=[dict(inputs=image) for image in images],
                sampler=dict(type='InfiniteSampler'), collate_fn=dict(type='default_collate')),
            train_cfg=dict(by_epoch=False, max_iters=epochs or cfg.train_cfg.max_epochs),
            optim_wrapper=dict(type='mmst.MaskedOptimWrapper', optimizer=dict(type='SGD', lr=1e-3)),
            default_hooks=dict(
                logger=None, checkpoint=None, prune=hooks.prune,
                search=dict(hooks.search, input_shape=(8, 8), warmup=0)))
        runner.register_hook(record, 'VERY_LOW')
        runner.train()
    return Timeline(record.sparsity, events(runner))


def draw(found: Timeline, path: Path) -> None:
    """Draw the timeline as an SVG or PNG file."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    with plt.rc_context({'svg.hashsalt': 'mmst', 'font.size': 10, 'svg.fonttype': 'path'}):
        figure, (upper, lower) = plt.subplots(
            2, 1, figsize=(10, 4.6), sharex=True, layout='constrained', height_ratios=(3, 1))
        _draw_sparsity(upper, found)
        _draw_events(lower, found)
        figure.savefig(path, metadata=dict(Date=None) if path.suffix == '.svg' else None, dpi=110)
        plt.close(figure)


def _draw_sparsity(axis, found: Timeline) -> None:
    length = len(found.sparsity)
    axis.fill_between(range(1, length + 1), [100 * s for s in found.sparsity], step='post',
                      color=BLUE, alpha=0.25, linewidth=0)
    axis.step(range(1, length + 1), [100 * s for s in found.sparsity], where='post', color=BLUE,
              linewidth=1.2, label='weights that are 0 and get no gradient')
    prunes = [event for event in found.events if event['kind'] == 'prune']
    axis.plot([p['step'] for p in prunes], [100 * p['ratio'] for p in prunes], 'o', color=ORANGE,
              markersize=5, label='target of each prune (PP)')
    axis.set(ylabel='% of the prunable weights', ylim=(0, 100), xlim=(0, length + 4))
    axis.legend(loc='upper left', frameon=False)
    axis.spines[['top', 'right']].set_visible(False)


def _draw_events(axis, found: Timeline) -> None:
    rows = [('search', 'search: units below ε go', GREEN),
            ('prune', 'prune: a mask is drawn', ORANGE),
            ('reactivate', 'reactivate: the mask is lifted (IR-S)', BLUE)]
    for height, (kind, _, colour) in enumerate(rows[::-1]):
        axis.plot(found.steps(kind), [height] * len(found.steps(kind)), '|', color=colour,
                  markersize=11, markeredgewidth=1.8)
    axis.set_yticks(range(len(rows)), [text for _, text, _ in rows[::-1]])
    axis.set(xlabel='epoch', ylim=(-0.7, len(rows) - 0.3))
    axis.spines[['top', 'right']].set_visible(False)


def main() -> None:
    """Run and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('-o', '--out', type=Path, default=OUT)
    args = parser.parse_args()
    draw(timeline(), args.out)
    print(args.out)


if __name__ == '__main__':
    main()
