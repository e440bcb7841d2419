"""Configs that are unusual, and right: a rehearsal that refuses them would be in the way."""
import numpy as np
import pytest
from mmengine.evaluator import BaseMetric
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import LOOPS, METRICS, MODELS, OPTIM_WRAPPER_CONSTRUCTORS, DefaultScope
from mmengine.runner import ValLoop
from mmseg.models import EncoderDecoder
from torch.optim import SGD

from mmst.engine.data import check_data
from mmst.engine.rehearsal import check, rehearse
from mmst.errors import ConfigError


@METRICS.register_module(force=True)
class Spread(BaseMetric):
    """Deviation of the predictions, of two images or more."""

    def process(self, data_batch, data_samples):
        self.results += [float(np.mean(sample['pred_sem_seg']['data'].numpy()))
                         for sample in data_samples]

    def compute_metrics(self, results):
        if len(results) < 2:
            raise ValueError('two images are needed')
        return dict(spread=float(np.std(results, ddof=1)))


@LOOPS.register_module(force=True)
class SeveralValLoop(ValLoop):
    """Evaluates several data sets."""

    def __init__(self, runner, dataloader, evaluator):
        super().__init__(runner, dataloader[0], evaluator[0])


@OPTIM_WRAPPER_CONSTRUCTORS.register_module(force=True)
class TwoOptimizersConstructor:
    """Gives backbone and head an optimizer each."""

    def __init__(self, optim_wrapper_cfg, paramwise_cfg=None):
        self.rates = optim_wrapper_cfg

    def __call__(self, model):
        return OptimWrapperDict(**{
            name: OptimWrapper(SGD(getattr(model, name).parameters(), lr=rate))
            for name, rate in self.rates.items()})


@MODELS.register_module(force=True)
class TwoOptimizersSegmentor(EncoderDecoder):
    """Steps with two optimizers."""

    def train_step(self, data, optim_wrapper):
        data = self.data_preprocessor(data, True)
        loss, logged = self.parse_losses(self._run_forward(data, mode='loss'))
        loss.backward()
        for wrapper in optim_wrapper.values():
            wrapper.step()
        return logged


def with_a_scaled_rate(cfg):
    cfg.auto_scale_lr = dict(enable=True, base_batch_size=2)


def with_a_metric_of_several_images(cfg):
    cfg.val_evaluator = dict(type='Spread')
    cfg.default_hooks.checkpoint.update(save_best='spread', rule='less')


def with_several_validations(cfg):
    cfg.val_cfg = dict(type='SeveralValLoop')
    cfg.val_dataloader = [cfg.val_dataloader, cfg.val_dataloader]
    cfg.val_evaluator = [cfg.val_evaluator, cfg.val_evaluator]


def with_two_optimizers(cfg):
    cfg.model.type = 'TwoOptimizersSegmentor'
    cfg.optim_wrapper = dict(constructor='TwoOptimizersConstructor', backbone=0.1, decode_head=0.1)
    step = dict(type='StepLR', step_size=1)
    cfg.param_scheduler = dict(backbone=step, decode_head=[step])
    cfg.default_hooks = dict(checkpoint=dict(type='CheckpointHook'))


def with_words_that_are_right(cfg):
    cfg.train_dataloader.dataset.pipeline[0].imdecode_backend = 'pillow'
    cfg.val_evaluator.iou_metrics = ['mIoU', 'mDice']
    cfg.optim_wrapper.clip_grad = dict(type='norm', max_norm=1, norm_type='inf')


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('change', [
    with_a_scaled_rate, with_a_metric_of_several_images, with_several_validations,
    with_two_optimizers, with_words_that_are_right])
def test_a_config_passes(cfg, change):
    change(cfg)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        checked = check(cfg)
        check_data(cfg, ('train', 'val'))
        rehearse(cfg, checked)


def test_lists_are_for_loops_that_take_them(cfg):
    with_several_validations(cfg)
    cfg.val_cfg = dict(type='ValLoop')
    with pytest.raises(ConfigError, match=r'^val_dataloader = .*Remedy: '):
        check(cfg)


@pytest.mark.parametrize('what', ['nothing', 'a file'])
def test_data_of_each_of_several_validations_are_checked(cfg, tmp_path, what):
    root = tmp_path / 'cityscapes.zip'
    if what == 'a file':
        root.write_text('an archive')
    with_several_validations(cfg)
    cfg.val_dataloader[1] = dict(cfg.val_dataloader[1], dataset=dict(
        cfg.val_dataloader[1].dataset, data_root=str(root)))
    with pytest.raises(ConfigError, match=r'^val_dataloader\[1\]\.dataset\.data_root = .*zip'):
        check_data(cfg, ('train', 'val'))


def test_what_cannot_be_copied_is_named(cfg):
    cfg.custom_hooks = [dict(type='EmptyCacheHook', lock=__import__('threading').Lock())]
    with pytest.raises(ConfigError, match=r'^custom_hooks\[0\]\.lock = .*cannot pickle'):
        rehearse(cfg)
