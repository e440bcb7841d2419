"""docs/examples does what the page says: each file trains."""
import math

import numpy as np
import pytest
import tiny
import torch
from doc_examples import example
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import DATASETS, MODELS
from torch.utils.data import Dataset

from mmst.engine import PruneHook
from mmst.engine.run.runner_views import find_hook, unwrap
from mmst.lab.visualize import view_of
from mmst.lab.visualize.column import Column
from mmst.lab.visualize.compare import picture_row
from mmst.search.surgery import Cut
from mmst.tickets import Ticket


def test_the_criterion_prunes_layers_more_evenly_than_magnitude(tmp_path):
    example('criterion')
    spread = {}
    for name in ('magnitude', 'relative_magnitude'):
        runner = tiny.run(tmp_path / name, 2, search=False,
                          prune=dict(criterion=name, sparsity=0.6, interval=1, reactivation=None,
                                     schedule='one_shot'))
        mask = find_hook(runner, PruneHook).mask_in_force(runner)
        assert mask.sparsity == pytest.approx(0.6, abs=0.01)
        spread[name] = np.std([float(kept.float().mean()) for kept in mask.values()])
    assert spread['relative_magnitude'] < spread['magnitude']


def test_the_criterion_without_strength_is_magnitude():
    weights = dict(a=torch.randn(5), b=torch.randn(3, 2))
    scores = example('criterion').RelativeMagnitude(strength=0.).score(weights, {})
    assert all(torch.allclose(scores[name], weights[name].abs()) for name in weights)


def test_the_schedule_rises_along_a_cosine_to_the_target(tmp_path):
    example('schedule')
    runner = tiny.run(tmp_path, 4, search=False, prune=dict(
        sparsity=0.8, interval=1, reactivation=None, schedule='cosine'))
    targets = [event['ratio'] for event in tiny.prunes(runner)]
    assert targets == pytest.approx([0.4 * (1 - math.cos(math.pi * k / 4)) for k in range(1, 5)])
    assert tiny.prunes(runner)[-1]['sparsity'] == pytest.approx(0.8, abs=0.01)


# ------------------------------------------------------------------------------- the block


def net(**settings):
    example('search_block')
    return MODELS.build(dict(type='mmst.BottleneckNet', channels=4, hidden=8, depth=2, **settings))


def test_removing_dead_units_of_the_block_leaves_its_output():
    network = net()
    block, images = network.blocks[0], torch.randn(2, 4, 5, 5)
    dead = torch.tensor([1, 4, 5])
    block.bn.weight.data[dead] = block.bn.bias.data[dead] = 0.
    block.eval()
    before = block(images)
    block.keep(torch.tensor([0, 2, 3, 6, 7]), Cut())
    assert block.widen.weight.shape[0] == 5
    torch.testing.assert_close(block(images), before)


def test_a_searched_block_is_loaded_by_a_new_one():
    network, again = net(), net()
    network.blocks[1].keep(torch.tensor([2]), Cut())
    again.load_state_dict(network.state_dict())
    assert again.blocks[1].widen.out_channels == 1 and again.blocks[0].widen.out_channels == 8
    images = torch.randn(1, 3, 8, 8)
    torch.testing.assert_close(again.eval()(images)[0], network.eval()(images)[0])


# -------------------------------------------------------------------------------- the task


@DATASETS.register_module(force=True)
class DepthImages(Dataset):
    """Images whose pixels are the darker the farther away they are."""
    metainfo = {}

    def __init__(self, lazy_init=False):
        distance = torch.rand(8, 4, 4).repeat_interleave(4, 1).repeat_interleave(4, 2)
        self.distance = distance
        self.images = ((1 - distance)[:, None].expand(-1, 3, -1, -1) * 255).to(torch.uint8)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return dict(inputs=self.images[index], distance=self.distance[index])


BOTTLENECKS = dict(type='mmst.BottleneckNet', channels=4, hidden=8, depth=2)


@MODELS.register_module(force=True)
class DepthPixels(BaseDataPreprocessor):
    """Pixels from 0 to 1."""

    def forward(self, data, training=False):
        return dict(data, inputs=data['inputs'].float() / 255)


def train(folder, backbone=tiny.BACKBONE, neck=tiny.NECK, **settings):
    """Train the example's model; a share of the units becomes unimportant."""
    example('search_block'), example('task')
    cfg = tiny.config(folder, 3, search=dict(interval=1), ticket=True, val=3, **settings)
    cfg.model = dict(type='DepthEstimator', backbone=dict(backbone), neck=dict(neck),
                     channels=neck['out_channels'], data_preprocessor=dict(type='DepthPixels'))
    for name in ('train_dataloader', 'val_dataloader'):
        cfg[name].dataset = dict(type='DepthImages')
    cfg.val_evaluator = dict(type='MeanDistanceError')
    runner = tiny.Runner.from_cfg(cfg)
    runner.register_hook(tiny.Probe(after_train_epoch=tiny.weaken(0.4)), 60)
    runner.train()
    return runner, cfg


def test_the_block_is_searched_and_pruned_in_a_run(tmp_path):
    runner, _ = train(tmp_path, BOTTLENECKS, dict(tiny.NECK, in_channels=(4, )))
    widths = [block.widen.out_channels for block in unwrap(runner).backbone.blocks]
    assert sum(widths) < 16 and min(widths) >= 1
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert [block.widen.out_channels for block in ticket.build('backbone').blocks] == widths
    assert ticket.sparsity == pytest.approx(0.5, abs=0.01)


def test_the_task_is_trained_evaluated_and_drawn(tmp_path):
    runner, cfg = train(tmp_path)
    assert 0 < runner.message_hub.get_scalar('val/depth/error').current() < 10
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert ticket.sparsity == pytest.approx(0.5, abs=0.01)
    view = view_of(cfg)
    subject, = view.subjects([1])
    samples = picture_row(view, [Column('ticket', view.prepare(ticket))], subject)
    image, labels, picture = samples[0]
    np.testing.assert_allclose(labels, image, atol=1.01)  # near is bright, as in the images
    assert picture.shape == labels.shape and (picture != labels).any()
