"""Constructors take numbers, flags and choices through the same checks."""
import math

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmst.deploy import SparseModel
from mmst.engine.hooks.fast_training_hook import FastTrainingHook
from mmst.engine.hooks.recalibrate_hook import RecalibrateHook
from mmst.engine.hooks.rewind_hook import RewindHook
from mmst.engine.hooks.ticket_hook import TicketHook
from mmst.engine.hooks.timeline_hook import TimelineHook
from mmst.engine.optim.one_cycle_beta_lr import OneCycleBetaLR
from mmst.engine.optim.rmsprop_tf import RMSpropTF
from mmst.engine.optim.staircase_lr import StaircaseLR
from mmst.engine.run.part_sampler import PartSampler
from mmst.engine.run.warmup_ema import WarmupEMA
from mmst.errors import ConfigError
from mmst.lab.accelerator.sigma import Sigma
from mmst.lab.visualize.segmentation import SegmentationView
from mmst.models.hrnas.classification_neck import ClassificationNeck
from mmst.models.hrnas.dense_neck import DensePredictionNeck
from mmst.models.hrnas.hrnas_supernet import HRNASSupernet
from mmst.models.initialize import SupernetInit
from mmst.pruning.criteria.gradient import Gradient
from mmst.pruning.criteria.random import Random
from mmst.pruning.schedules import OneShot, Progressive


def parameters():
    return [torch.nn.Parameter(torch.zeros(1))]


def optimizer():
    return torch.optim.AdamW(parameters())


#: Constructor, the key that it names, and values that no setting of that key may have; besides,
#: none may have a value that is no number at all.
NUMBERS = [
    (lambda v: RecalibrateHook(batches=v), 'RecalibrateHook.batches', [0, -1, 1.5]),
    (lambda v: RecalibrateHook(batch_size=v), 'RecalibrateHook.batch_size', [0, 1.5]),
    (lambda v: RewindHook(epochs=v), 'RewindHook.epochs', [-1, 0.5]),
    (lambda v: RewindHook(epochs=[0, v]), 'RewindHook.epochs', [-1, 0.5]),
    (lambda v: TicketHook(input_shape=(8, v)), 'TicketHook.input_shape', [0, 0.5]),
    (lambda v: TimelineHook(input_shape=(8, v)), 'TimelineHook.input_shape', [0, 0.5]),
    (lambda v: OneCycleBetaLR(optimizer(), base_momentum=v), 'param_scheduler.base_momentum',
     [-0.1, 0.96]),
    (lambda v: OneCycleBetaLR(optimizer(), max_momentum=v), 'param_scheduler.max_momentum', [1, 2]),
    (lambda v: RMSpropTF(parameters(), lr=v), 'optimizer.lr', [-1]),
    (lambda v: RMSpropTF(parameters(), alpha=v), 'optimizer.alpha', [-1, 1]),
    (lambda v: RMSpropTF(parameters(), weight_decay=v), 'optimizer.weight_decay', [-1]),
    (lambda v: StaircaseLR(optimizer(), step_size=v), 'param_scheduler.step_size', [0, -1]),
    (lambda v: PartSampler([1, 2], v), 'PartSampler.share', [0, 1.1]),
    (lambda v: Sigma(rows=v), 'Sigma.rows', [0, -1]),
    (lambda v: SupernetInit(conv_std=v), 'init_cfg.conv_std', [0, -1]),
    (lambda v: HRNASSupernet(expand_ratio=v), 'backbone.expand_ratio', [0, 4.]),
    (lambda v: HRNASSupernet(tokens=v), 'backbone.tokens', [0, 64.]),
    (lambda v: HRNASSupernet(in_channels=v), 'backbone.in_channels', [0, 3.]),
    (lambda v: HRNASSupernet(kernel_sizes=(3, v)), 'backbone.kernel_sizes', [0, 4, 3, 5.]),
    (lambda v: HRNASSupernet(stem_channels=(24, v)), 'backbone.stem_channels', [0, 24.]),
    (lambda v: HRNASSupernet(eps=v), 'backbone.eps', [0, -1]),
    (lambda v: DensePredictionNeck(out_channels=v), 'neck.out_channels', [0, 90.]),
    (lambda v: DensePredictionNeck(momentum=v), 'neck.momentum', [-1, 2]),
    (lambda v: ClassificationNeck(dropout=v), 'neck.dropout', [-0.1, 1]),
    (lambda v: Gradient(batches=v), 'criterion.batches', [0, 1.5]),
    (lambda v: Random(seed=v), 'criterion.seed', [0.5]),
    (lambda v: OneShot(v), 'schedule.sparsity', [-1, 2]),
    (lambda v: Progressive(v), 'schedule.sparsity', [-1, 2]),
    (lambda v: StaircaseLR(optimizer(), step_size=2, gamma=v), 'param_scheduler.gamma', [0, -1]),
    (lambda v: OneCycleBetaLR(optimizer(), eta_max=v, total_steps=9), 'param_scheduler.eta_max',
     [0, -1]),
    (lambda v: PartSampler([1, 2], 0.5, seed=v), 'PartSampler.seed', [-1, 0.5]),
    (lambda v: WarmupEMA(torch.nn.Linear(1, 1), v), 'ema.momentum', [0, 1, -1]),
    (lambda v: WarmupEMA(torch.nn.Linear(1, 1), 0.1, gamma=v), 'ema.gamma', [0, 0.5]),
    (lambda v: WarmupEMA(torch.nn.Linear(1, 1), 0.1, interval=v), 'ema.interval', [0, 0.5]),
    (lambda v: SegmentationView(Config(), threshold=v), 'threshold', [-1, 2]),
    (lambda v: SegmentationView(Config(), opacity=v), 'opacity', [-1, 2]),
    (lambda v: SparseModel(torch.nn.Linear(1, 1), max_density=v), 'max_density', [-1, 2]),
    (lambda v: SparseModel(torch.nn.Linear(1, 1), threads=v), 'threads', [0, 0.5])]
#: Keys where None means that there is no such setting, or that another one holds.
MAY_BE_NONE = ('init_cfg.conv_std', 'neck.momentum', 'RecalibrateHook.batch_size',
               'PartSampler.seed')


@pytest.mark.parametrize('build, key, others', NUMBERS, ids=[key for _, key, _ in NUMBERS])
def test_a_constructor_refuses_what_is_no_number_of_its_range(build, key, others):
    for value in (True, False, np.bool_(True), '3', None, math.nan, math.inf, [], 10**400, 2**70,
                  *others):
        if value is None and key in MAY_BE_NONE:
            continue
        if isinstance(value, list) and key == 'RewindHook.epochs':
            continue
        with pytest.raises(ConfigError) as error:
            build(value)
        assert str(error.value).startswith(f'{key} = ')
        assert ' Remedy: ' in str(error.value)


@pytest.mark.parametrize('build, key', [
    (lambda v: FastTrainingHook(compile=v), 'FastTrainingHook.compile'),
    (lambda v: FastTrainingHook(keep_memory=v), 'FastTrainingHook.keep_memory'),
    (lambda v: FastTrainingHook(cuda_graph=v), 'FastTrainingHook.cuda_graph'),
    (lambda v: FastTrainingHook(kernel=v), 'FastTrainingHook.kernel'),
    (lambda v: TicketHook(keep_each=v), 'TicketHook.keep_each'),
    (lambda v: HRNASSupernet(channels_last=v), 'backbone.channels_last'),
    (lambda v: HRNASSupernet(transformer=v), 'backbone.transformer'),
    (lambda v: ClassificationNeck(pool=v), 'neck.pool')])
def test_a_constructor_refuses_what_is_neither_flag_nor_choice(build, key):
    for value in (1, 0, None, [], '', np.int64(1)):
        with pytest.raises(ConfigError, match=f'^{key} = '):
            build(value)


def test_numpys_numbers_count_as_numbers():
    assert RecalibrateHook(np.int64(3)).batches == 3
    assert RewindHook([np.int64(3)]).epochs == [3]
    assert TicketHook(input_shape=np.array([8, 16]).tolist()).input_shape == (8, 16)
    assert Gradient(np.int32(3)).batches == 3
