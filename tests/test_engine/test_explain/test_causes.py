"""Each mistake in a config ends in one line: key, value, the error's own words, a remedy."""
import signal
import sys

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS as HOOKS_REGISTRY
from mmseg.datasets import CityscapesDataset
from mmseg.models import FCNHead
from mmseg.registry import MODELS
from short_runs import short_run

from mmst.engine.rehearsal import rehearse
from mmst.engine.run.stop import Stopped
from mmst.errors import ConfigError
from mmst.settings.sections import check_sections

HOOKS, LOADER, OPTIM = 'default_hooks', 'train_dataloader', 'optim_wrapper'
PIPELINE = f'{LOADER}.dataset.pipeline'

#: A setting, a wrong value, the key in the line (None: the setting), a word of the remedy.
VALUES = [
    ('model.backbone.token', 4, None, "'tokens'"),
    ('model.backbone.type', 'mmst.HRNASSupernt', None, "'mmst.HRNASSupernet'"),
    ('model.data_preprocessor.std', [0.] * 3, 'model', 'model.data_preprocessor.std'),
    ('model.decode_head.ignore_index', '255', None, 'correct model.decode_head.ignore_index'),
    ('model.decode_head.type', 'FCNHaed', None, "'FCNHead'"),
    ('model.decode_head.in_channels', 9, None, 'model.decode_head.in_channels'),
    ('model.decode_head.input_transform', 'resize_concatenate', None, 'input_transform'),
    ('model.decode_head.loss_decode.type', 'CrossEntropyLos', None, "'CrossEntropyLoss'"),
    ('model.decode_head.loss_decode.los_weight', 1., None, "'loss_weight'"),
    ('model.backbone.init_cfg', dict(type='Kaimin'), 'model.backbone.init_cfg.type', "'Kaiming'"),
    ('model.backbone.init_cfg', dict(type='Pretrained', checkpoint='/no/such/folder/x.pth'),
     'model.backbone.init_cfg.checkpoint', 'init_cfg.checkpoint'),
    ('model.backbone.init_cfg', dict(type='Pretrained', checkpoint='/dev/zero'),
     'model.backbone.init_cfg.checkpoint', 'the path of a file'),
    (f'{OPTIM}.optimizer.type', 'AdmaW', None, "'AdamW'"),
    (f'{OPTIM}.optimizer.momentum', 0.9, None, 'weight_decay'),
    (f'{OPTIM}.optimizer.lr', '0.04', None, f'correct {OPTIM}.optimizer.lr'),
    (f'{OPTIM}.optimizer.lr', -0.04, None, f'correct {OPTIM}.optimizer.lr'),
    (f'{OPTIM}', dict(type='mmst.MaskedOptimWrapper', optimizer=dict(type='LBFGS', lr=0.1)),
     f'{OPTIM}.optimizer.type', 'AdamW'),
    (OPTIM, dict(type='mmst.MaskedOptimWrapper', constructor='mmst.DecayGroupsConstructor',
                 optimizer=dict(type='LBFGS', lr=0.1)), f'{OPTIM}.optimizer.type', 'AdamW'),
    (f'{OPTIM}.type', 'mmst.MaskedOptimWraper', None, "'mmst.MaskedOptimWrapper'"),
    (f'{OPTIM}.constructor', 'mmst.DecayGroupConstructor', None, "'mmst.DecayGroupsConstructor'"),
    (f'{OPTIM}.accumulative_counts', 0, None, 'use 1'),
    (f'{OPTIM}.clip_grad', dict(maxnorm=1), f'{OPTIM}.clip_grad.maxnorm', "'max_norm'"),
    (f'{OPTIM}.paramwise_cfg', dict(custom_keys={'backbone': dict(lrmult=0.1)}),
     f'{OPTIM}.paramwise_cfg.custom_keys.backbone.lrmult', "'lr_mult'"),
    (f'{OPTIM}.paramwise_cfg', dict(norm_decay_mul=0.), f'{OPTIM}.paramwise_cfg.norm_decay_mul',
     "'norm_decay_mult'"),
    ('param_scheduler.0.type', 'OneCyclLR', 'param_scheduler[0].type', "'OneCycleLR'"),
    ('param_scheduler.0.eta_mx', 0.1, 'param_scheduler[0].eta_mx', "'eta_max'"),
    ('param_scheduler.0.total_steps', 1, 'param_scheduler[0].total_steps', 'set it to 2'),
    ('param_scheduler', [dict(type='MultiStepLR')], 'param_scheduler[0].milestones', 'set '),
    ('param_scheduler', dict(type='StepLR', convert_to_iter_based=True),
     'param_scheduler.step_size', 'set '),
    ('param_scheduler', dict(type='ReduceOnPlateauLR', monitor='mIou', rule='greater'),
     'param_scheduler.monitor', "'mIoU'"),
    (f'{LOADER}.batch_size', 0, None, f'correct {LOADER}.batch_size'),
    (f'{LOADER}.num_workers', -1, None, f'correct {LOADER}.num_workers'),
    (f'{LOADER}.sampler.type', 'DefaultSamplr', None, "'DefaultSampler'"),
    (f'{LOADER}.sampler.shufle', True, None, "'shuffle'"),
    (f'{LOADER}.batch_sampler', dict(drop_last=True), None, 'give its type'),
    (f'{LOADER}.collate_fn', dict(type='pseudo_colate'), f'{LOADER}.collate_fn.type',
     "'pseudo_collate'"),
    (f'{LOADER}.dataset.type', 'CityscapeDataset', None, "'CityscapesDataset'"),
    (f'{LOADER}.dataset.img_sufix', '.png', None, "'img_suffix'"),
    (f'{LOADER}.num_workers', '2', None, 'num_workers=2'),
    (f'{PIPELINE}.2.type', 'PackSegInput', f'{PIPELINE}[2].type', "'PackSegInputs'"),
    (f'{PIPELINE}.0.imdecode', 'cv2', f'{PIPELINE}[0].imdecode', "'imdecode_backend'"),
    ('val_evaluator.type', 'IoUMetrc', None, "'IoUMetric'"),
    ('val_evaluator.iou_metrics', ['mIou'], None, 'correct val_evaluator.iou_metrics'),
    ('val_evaluator', None, None, 'val_dataloader'),
    ('val_cfg.type', 'ValLop', None, "'ValLoop'"),
    ('visualizer.type', 'SegLocalVisualizr', None, "'SegLocalVisualizer'"),
    ('visualizer.vis_backends.0.type', 'LocalVisBackends', 'visualizer.vis_backends[0].type',
     "'LocalVisBackend'"),
    ('visualizer.vis_backends.0', dict(type='WandbVisBackend', init_kwarg={}),
     'visualizer.vis_backends[0].init_kwarg', "'init_kwargs'"),
    ('randomness.seed', 'zero', None, 'correct randomness.seed'),
    ('log_processor.window', 3, None, "'window_size'"),
    ('train_cfg.type', 'EpochTrainLoop', None, "'EpochBasedTrainLoop'"),
    ('train_cfg.max_epoch', 3, None, "'max_epochs'"),
    ('train_cfg.val_interval', 0, None, 'use 1'),
    (f'{HOOKS}.ema.priority', 'LOWEST', None, 'remove it'),
    (f'{HOOKS}.checkpoint.priority', 'HIGH', None, 'remove it'),
    (f'{HOOKS}.checkpoint', dict(type='CheckpointHook', interval=1, priority='NORMAL'),
     f'{HOOKS}.checkpoint.priority', 'remove it'),
    (f'{HOOKS}.interim_metrics.priority', 'LOWEST', None, 'remove it'),
    ('custom_import', dict(imports=['x']), None, "'custom_imports'"),
    (f'{HOOKS}.ema.momentum', 2, None, 'use e.g. 1e-4'),
    (f'{HOOKS}.ema.ema_type', 'mmst.WarmpEMA', None, "'mmst.WarmupEMA'"),
    (f'{HOOKS}.logger.interval', 0, None, f'correct {HOOKS}.logger.interval'),
    (f'{HOOKS}.logger.intervall', 10, None, "'interval'"),
    (f'{HOOKS}.logger.type', 'LogerHook', None, "'LoggerHook'"),
    (f'{HOOKS}.checkpoint.interval', 0, None, 'use 1'),
    (f'{HOOKS}.checkpoint.interval', '5', None, 'interval=5'),
    (f'{HOOKS}.checkpoint.save_best', 'mIOU', None, "'mIoU'"),
    ('custom_hooks', [dict(type='EarlyStoppingHook', monitor='mIou', rule='greater')],
     'custom_hooks[0].monitor', "'mIoU'"),
    *(('auto_scale_lr', dict(enable=True, **own), f'auto_scale_lr.{name}', remedy)
      for own, name, remedy in (
        ({}, 'base_batch_size', 'the batch size that the rate'),
        (dict(base_batch_size=0), 'base_batch_size', 'the batch size that the rate'),
        (dict(base_batch_size='32'), 'base_batch_size', 'the batch size that the rate'),
        (dict(base_batchsize=32), 'base_batchsize', "'base_batch_size'"))),
    ('auto_scale_lr', dict(enable='no', base_batch_size=32), 'auto_scale_lr.enable', 'True or'),
    (f'{HOOKS}.prune.sparsity', 0.9999999, None, '0.98'),
    (f'{HOOKS}.search.target_flops', 0.5, None, 'between'),
    (f'{HOOKS}.search.target_flops', 1e15, None, 'leave it out'),
    (f'{HOOKS}.search.target_params', 3, None, 'between'),
    ('resume', 'no', None, 'resume=True'),
    ('load_from', 5, None, "load_from='"),
    ('log_procesor', dict(window_size=3), None, "'log_processor'"),
    ('default_scope', 'mmsegg', None, "'mmseg'"),
    ('runner_type', 'Runer', None, "'Runner'"),
    ('log_level', 'INFOO', None, 'correct log_level'),
    ('trian_cfg', dict(max_epochs=1), None, "'train_cfg'"),
    ('modle', dict(type='mmst.Net'), None, "'model'"),
    ('load_form', 'x.pth', None, "'load_from'"),
    ('rehearsal', 'no', None, 'True or False'),
    ('default_scope', 5, None, "default_scope='mmseg'"),
    ('env_cfg', 5, None, 'env_cfg=dict('),
    ('env_cfg', [1], None, 'env_cfg=dict('),
    ('env_cfg.cudn_benchmark', True, None, "'cudnn_benchmark'"),
    ('env_cfg.mp_cfg.mp_start_method', 'forkk', None, 'mp_start_method'),
    (f'{HOOKS}.timer', 5, None, f'{HOOKS}.timer=dict('),
    (f'{HOOKS}.checkpoint.max_keep_ckpts', 'three', None, 'without quotes'),
    ('custom_hooks', dict(type='EmptyCacheHook'), None, 'custom_hooks=['),
    ('custom_hooks', [dict(type='EmptyCacheHook', priority='HIHG')], 'custom_hooks[0].priority',
     'correct custom_hooks[0].priority'),
    ('param_scheduler', 'OneCycleLR', None, 'param_scheduler=dict('),
    (f'{LOADER}.dataset', None, None, f'{LOADER}.dataset=dict('),
    (f'{LOADER}.sampler', 'DefaultSampler', None, f'{LOADER}.sampler=dict('),
    (f'{LOADER}.sampler', dict(type='InfiniteSampler'), f'{LOADER}.sampler.type', 'IterBased'),
    (f'{LOADER}.persistent_workers', True, None, 'persistent_workers'),
    (f'{PIPELINE}.1', dict(reduce=True), f'{PIPELINE}[1]', 'give its type'),
    (f'{PIPELINE}.1', 'LoadAnnotations', f'{PIPELINE}[1]', f'{PIPELINE}[1]=dict('),
    (f'{PIPELINE}.0.backend_args', dict(backend='locall'), f'{PIPELINE}[0].backend_args.backend',
     'correct'),
    (f'{OPTIM}.lr', 0.1, None, f'set {OPTIM}.optimizer.lr'),
    (f'{OPTIM}.accumulative_counts', 2.5, None, 'use 1'),
    (f'{OPTIM}.optimizer', dict(lr=0.1), f'{OPTIM}.optimizer.type', "type='AdamW'"),
    (OPTIM, dict(type='mmst.MaskedOptimWrapper', optimizer=dict(type='SGD', lr=1., nesterov=True)),
     f'{OPTIM}.optimizer.nesterov', f'correct {OPTIM}.optimizer.nesterov'),
    (OPTIM, dict(constructor='mmst.DecayGroupsConstructor'), f'{OPTIM}.optimizer',
     "type='AdamW'"),
    (OPTIM, dict(type='mmst.MaskedOptimWrapper', optimizer=dict(type='SGD', lr=1.),
                 paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult='10')))),
     f'{OPTIM}.paramwise_cfg.custom_keys.decode_head.lr_mult', 'correct '),
    (OPTIM, dict(type='mmst.MaskedAmpOptimWrapper', dtype='bfloat61', optimizer=dict(
        type='SGD', lr=1.)), f'{OPTIM}.dtype', "'bfloat16'"),
    ('param_scheduler', [dict(type='MultiStepLR', milestones='1,2')],
     'param_scheduler[0].milestones', 'without quotes'),
    (f'{LOADER}.sampler.shuffle', 'no', None, 'shuffle=False'),
    (f'{LOADER}.pin_memory', 'yes', None, 'pin_memory=True'),
    (PIPELINE, dict(type='LoadImageFromFile'), None, f'write {PIPELINE}=['),
    (f'{LOADER}.dataset.indices', 0, None, 'copy it again'),
    (f'{LOADER}.dataset.data_prefix.img', 'x', None, 'use one of img_path, seg_map_path'),
    ('val_dataloader.dataset.data_prefix.sg_map_path', 'x', None, "'seg_map_path'"),
    ('val_dataloader.dataset.pipeline.2.meta_keys', ('img_path', ),
     'val_dataloader.dataset.pipeline[2].meta_keys', "add 'ori_shape'"),
    ('model.test_cfg', dict(mode='slide', crop_size=(64, 64), stride=(0, 0)),
     'model.test_cfg.stride', 'e.g. to 1'),
    ('model.pretrained', '/no/such/folder/x.pth', None, 'remove it'),
    ('model.backbone.depths', ((1, ), (1, )), None, 'one number of blocks'),
    ('model.decode_head.loss_decode.class_weight', [1., 2.], 'model.decode_head.loss_decode',
     'correct model.decode_head.loss_decode '),
    (f'{HOOKS}.checkpoint.max_keep_ckpts', 0, None, 'use 1'),
    (f'{HOOKS}.ema.begin_epoch', 99, None, 'use 0'),
    (f'{HOOKS}.search.priority', 'LOWEST', None, 'remove it'),
    (f'{HOOKS}.logger.priority', 5000, None, f'correct {HOOKS}.logger.priority'),
    (f'{HOOKS}.search.minimum', 10**6, None, 'set it below '),
    (f'{HOOKS}.search.leave_alone', ['*'], None, 'name fewer layers'),
    (f'{HOOKS}.prune.leave_alone', ['*'], f'{HOOKS}.prune.parts', 'leave_alone'),
    (f'{HOOKS}.search.sparsity', 0.5, None, f'set {HOOKS}.prune.sparsity'),
    (f'{HOOKS}.prune.sparsity', '90%', None, 'sparsity=0.9'),
    (f'{HOOKS}.prune.interval', 'often', None, 'use the paper'),
    (f'{HOOKS}.search.warmup', True, None, "use the paper's 25"),
    ('custom_hooks', [dict(type='EarlyStoppingHook', monitor='mIoU', rule='greater', patience=-1)],
     'custom_hooks[0].patience', 'use 0'),
    ('train_cfg.max_epochs', 10**12, None, 'give the length of the run'),
    ('train_cfg.val_begin', 99, None, 'use 0'),
    ('train_cfg.dynamic_intervals', [(1, 0)], 'train_cfg.dynamic_intervals[0][1]', 'use 1'),
    ('val_cfg.type', 'TestLoop', None, "'ValLoop'"),
    ('test_cfg.type', 'TestLop', None, "'TestLoop'"),
    (f'{OPTIM}.clip_grad', dict(max_norm=-1), f'{OPTIM}.clip_grad.max_norm', 'use 1.0'),
    (f'{OPTIM}.clip_grad', dict(max_norm=float('nan')), f'{OPTIM}.clip_grad.max_norm', 'a number'),
    (f'{OPTIM}.optmizer', dict(type='SGD'), f'{OPTIM}.optmizer', "'optimizer'"),
    (f'{OPTIM}.acumulative_counts', 2, None, 'accumulative_counts'),
    ('load_from', 'nosuch://x.pth', 'load_from', 'give the path'),
    (f'{OPTIM}.optimizer.lr', float('inf'), None, 'e.g. to 1e-3'),
    (f'{OPTIM}.optimizer.lr', 1e9, None, 'e.g. to 1e-3'),
    ('param_scheduler.0.eta_max', 1e9, 'param_scheduler[0]: lr in step 1', 'param_scheduler[0]'),
    (OPTIM, dict(type='mmst.MaskedOptimWrapper', optimizer=dict(type='AdamW', lr=0.1,
                                                                weight_decay=1e9)),
     f'{OPTIM}.optimizer.weight_decay', 'smaller numbers'),
    (OPTIM, dict(type='mmst.MaskedOptimWrapper', optimizer=dict(type='AdamW', betas=(0.9, ))),
     f'{OPTIM}.optimizer.betas', 'correct '),
    (f'{HOOKS}.search.rho', 1e9, None, '1.4e-4'),
    (f'{HOOKS}.search.divisor', 4096, None, 'or less, e.g. 8'),
    (f'{HOOKS}.search.input_shape', (10**6, 10**6), None, 'e.g. (512, 1024)'),
    (f'{HOOKS}.checkpoint.filename_tmpl', 'model.pth', None, "'epoch_{}.pth'"),
    (f'{HOOKS}.checkpoint.filename_tmpl', '../epoch_{}.pth', None, "'epoch_{}.pth'"),
    (f'{HOOKS}.checkpoint.filename_tmpl', 'model_{}_{}.pth', None, "'epoch_{}.pth'"),
    (f'{HOOKS}.checkpoint.save_optimizer', False, None, 'remove it'),
    (f'{HOOKS}.checkpoint.save_param_scheduler', False, None, 'remove it'),
    (f'{HOOKS}.checkpoint.save_begin', 99, None, 'use 0'),
    (f'{HOOKS}.checkpoint.max_keep_ckpt', 3, None, "'max_keep_ckpts'"),
    (f'{OPTIM}.accumulative_counts', 10**9, None, 'use 1'),
    (f'{OPTIM}.clip_grad', dict(max_norm=1, norm_type=-1), f'{OPTIM}.clip_grad.norm_type', 'use '),
    (f'{OPTIM}.clip_grad', dict(norm_type=2), f'{OPTIM}.clip_grad.max_norm', 'set '),
    ('test_cfg', dict(typ='TestLoop'), 'test_cfg.typ', "'type'"),
    ('test_evaluator.iou_metric', ['mIoU'], None, "'iou_metrics'"),
    ('test_dataloader.dataset.pipeline.0.type', 'LoadImage',
     'test_dataloader.dataset.pipeline[0].type', 'mean'),
    ('visualizer.vis_backends', [dict(type='LocalVisBackend')] * 2, None, 'remove one'),
    (f'{OPTIM}.paramwise_cfg', dict(bias_lr_mult=-1), f'{OPTIM}.paramwise_cfg.bias_lr_mult',
     'e.g. to 0.1'),
    (f'{OPTIM}.paramwise_cfg', dict(bypass_duplicate='yes'),
     f'{OPTIM}.paramwise_cfg.bypass_duplicate', 'True or False'),
    (f'{OPTIM}.paramwise_cfg', dict(custom_keys=dict(bakcbone=dict(lr_mult=0.1))),
     f'{OPTIM}.paramwise_cfg.custom_keys.bakcbone', "'backbone'"),
    *((OPTIM, dict(type='mmst.MaskedOptimWrapper', optimizer=dict(dict(type=kind, lr=0.1), **own)),
       f'{OPTIM}.optimizer.{name}', remedy) for kind, own, name, remedy in (
        ('AdamW', dict(lr=0), 'lr', 'e.g. 1e-3'), ('AdamW', dict(eps=1e9), 'eps', 'use 1e-8'),
        ('AdamW', dict(maximize=True), 'maximize', 'remove it'),
        ('AdamW', dict(amsgrad=5), 'amsgrad', 'True or False'),
        ('AdamW', dict(weight_decay=True), 'weight_decay', 'correct '),
        ('SGD', dict(momentum=5), 'momentum', 'use 0.9'))),
]


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('setting, value, key, remedy', VALUES, ids=[
    f'{key}={value}' for key, value, *_ in VALUES])
def test_wrong_setting_is_refused_with_its_key_and_a_remedy(cfg, refusal, setting, value, key,
                                                            remedy):
    parent, name = parent_of(cfg, setting)
    parent[name] = value
    if setting == OPTIM:
        cfg.param_scheduler = None  # that of beta1 has its own word for such optimizers
    if 'save_best' in setting:
        cfg.default_hooks.checkpoint.rule = 'greater'
    line = refusal(cfg)
    assert line.startswith(f'{key or setting} = ')
    assert remedy in line.partition('Remedy: ')[2]


def parent_of(cfg, key):
    """The part that holds a setting, and its name or index there."""
    *path, name = (int(word) if word.isdigit() else word for word in key.split('.'))
    for word in path:
        cfg = cfg[word]
    return cfg, name


def test_required_setting_that_is_missing_is_named(cfg, refusal):
    del cfg.model.decode_head['num_classes']
    assert refusal(cfg).startswith('model.decode_head.num_classes = None: ')


def test_misspelt_hook_is_compared_with_the_hooks_of_the_config(cfg, refusal):
    cfg.default_hooks.prun = dict(interval=3)
    line = refusal(cfg)
    assert line.startswith('default_hooks.prun = ') and "did you mean 'default_hooks.prune'" in line


@pytest.mark.parametrize('split', ['train', 'val'])
@pytest.mark.parametrize('left_out, remedy', [(1, 'load annotations'), (2, 'PackSegInputs')])
def test_incomplete_pipeline_is_named_with_its_split(cfg, refusal, split, left_out, remedy):
    dataset = cfg[f'{split}_dataloader'].dataset
    dataset.pipeline = [step for i, step in enumerate(dataset.pipeline) if i != left_out]
    line = refusal(cfg)
    assert line.startswith(f'{split}_dataloader.dataset.pipeline = ') and remedy in line


def test_setting_that_another_part_reads_is_named_by_its_value(tmp_path):
    cfg = short_run('coco', tmp_path)
    cfg.launcher = 'none'
    cfg.model.test_cfg.flip_mode = 'heatmp'
    with pytest.raises(ConfigError, match=r"^model.test_cfg.flip_mode = 'heatmp': "):
        rehearse(cfg)


def test_a_network_that_cannot_be_copied_is_named_and_not_the_average_that_copies_it(cfg, refusal):
    class OldNormHead(FCNHead):
        """Its weight is computed before each call, and so is no leaf."""

        def __init__(self, **settings):
            super().__init__(**settings)
            torch.nn.utils.weight_norm(self.conv_seg)
            self.conv_seg(torch.zeros(1, self.channels, 4, 4))

    MODELS.register_module(name='OldNormHead', force=True, module=OldNormHead)
    cfg.model.decode_head.type = 'OldNormHead'
    cfg.default_hooks.ema = dict(type='EMAHook', ema_type='MomentumAnnealingEMA',
                                 update_buffers=True)
    line = refusal(cfg)
    assert line.startswith('model = ') and 'parametrizations.weight_norm' in line


def test_a_schedule_of_epochs_that_steps_after_the_checkpoint_is_refused(cfg, refusal):
    cfg.default_hooks.param_scheduler.priority = 'LOWEST'
    cfg.param_scheduler = dict(type='MultiStepLR', milestones=[1], by_epoch=True)
    assert refusal(cfg).startswith("default_hooks.param_scheduler.priority = 'LOWEST': ")


def test_classes_in_another_order_than_training_s_are_refused(cfg, refusal):
    classes = list(CityscapesDataset.METAINFO['classes'])
    cfg.val_dataloader.dataset.metainfo = dict(classes=classes[1:2] + classes[:1] + classes[2:])
    line = refusal(cfg)
    assert line.startswith('val_dataloader.dataset.metainfo.classes = ') and 'one order' in line


def test_a_head_that_decodes_at_another_size_than_training_encodes_is_refused(tmp_path):
    cfg = short_run('coco', tmp_path)
    cfg.launcher = 'none'
    cfg.model.head.decoder.heatmap_size = tuple(cfg.model.head.decoder.heatmap_size)[::-1]
    with pytest.raises(ConfigError, match=r'^model.head.decoder.heatmap_size = .*one codec'):
        rehearse(cfg)


def use_camera_hook(cfg, **methods):
    """Give the config a hook of the user's own, after one of mmengine's."""
    kind = type('CameraHook', (Hook, ), methods)
    with HOOKS_REGISTRY.switch_scope_and_registry(None):
        HOOKS_REGISTRY.register_module(name='CameraHook', force=True, module=kind)
    cfg.custom_hooks = [dict(type='EmptyCacheHook'), dict(type='CameraHook')]


def test_hook_of_the_users_own_that_cannot_be_built_is_named(cfg, refusal):
    def fail(self):
        raise OSError('no such camera')

    use_camera_hook(cfg, __init__=fail)
    line = refusal(cfg)
    assert line.startswith('custom_hooks[1]') and 'no such camera' in line


@pytest.mark.parametrize('point', [
    'before_run', 'before_train', 'before_train_epoch', 'before_train_iter', 'after_train_iter',
    'before_val', 'before_val_epoch', 'after_val_iter'])
def test_hook_of_the_users_own_that_fails_when_it_begins_is_named(cfg, refusal, point):
    def fail(self, runner, **seen):
        raise OSError('no such camera')

    use_camera_hook(cfg, **{point: fail})
    line = refusal(cfg)
    assert line.startswith('custom_hooks[1]') and 'no such camera' in line


def test_hook_that_ends_the_process_is_named_but_a_signal_ends_it(cfg, refusal):
    use_camera_hook(cfg, before_run=lambda self, runner: sys.exit(3))
    line = refusal(cfg)
    assert line.startswith('custom_hooks[1]') and 'SystemExit: 3' in line

    def stop(self, runner):
        raise Stopped(signal.SIGTERM)

    use_camera_hook(cfg, before_run=stop)
    with pytest.raises(Stopped):
        rehearse(cfg)


def test_schedule_that_waits_for_a_metric_needs_an_evaluation(cfg, refusal):
    cfg.param_scheduler = [dict(type='ReduceOnPlateauLR', monitor='mIoU', rule='greater')]
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    line = refusal(cfg)
    assert line.startswith("param_scheduler[0] = 'ReduceOnPlateauLR': nothing is evaluated")


def test_hooks_of_the_users_own_begin_only_where_all_else_is_right(cfg):
    begun = []
    use_camera_hook(cfg, before_run=lambda self, runner: begun.append('run'),
                    after_train_iter=lambda self, runner, **seen: begun.append(seen['outputs']))
    cfg.val_evaluator.iou_metrics = ['mIou']
    with pytest.raises(ConfigError):
        rehearse(cfg)
    assert not begun
    cfg.val_evaluator.iou_metrics = ['mIoU']
    rehearse(cfg)
    assert begun[0] == 'run' and 'loss' in begun[1] and len(begun) == 2


@pytest.mark.parametrize('setting, value, key', [
    ('log_processor.custom_cfg', [dict(method_name='mean')], 'log_processor'),
    ('log_processor.custom_cfg', [dict(data_src='loss', method_name='meen')],
     'log_processor.custom_cfg'),
    ('log_processor.window_size', 0, 'log_processor.window_size'),
    ('compile', dict(backend='inductr'), 'compile.backend'),
    ('compile', 'yes', 'compile'),
    ('model_wrapper_cfg', dict(type='MMDistributedDataParalel'), 'model_wrapper_cfg.type'),
    ('default_hooks.checkpoint.out_dir', '/dev/null/x', 'default_hooks.checkpoint.out_dir'),
    ('default_hooks.logger.out_dir', '/dev/null/x', 'default_hooks.logger.out_dir'),
    ('train_dataloader.num_workers', '2', 'train_dataloader.num_workers'),
    ('val_dataloader.batch_size', '2', 'val_dataloader.batch_size'),
    ('load_from', '/tmp', 'load_from')])
def test_setting_that_acts_late_is_refused_with_its_key(cfg, refusal, setting, value, key):
    cfg.merge_from_dict({setting: value})
    assert refusal(cfg).startswith(f'{key} = ')


def test_variables_that_the_config_uses_may_be_named_like_sections(cfg):
    cfg.custom_hook = dict(type='EmptyCacheHook')
    cfg.custom_hooks = [dict(type='EmptyCacheHook')]
    check_sections(cfg)
    cfg.custom_hooks = []
    with pytest.raises(ConfigError, match=r'^custom_hook = .*custom_hooks'):
        check_sections(cfg)


@pytest.mark.parametrize('order, place', [((1, 2, 0), 2), ((2, 0, 1), 0)])
def test_transform_that_stands_too_early_is_named(cfg, refusal, order, place):
    steps = cfg.train_dataloader.dataset.pipeline
    cfg.train_dataloader.dataset.pipeline = [steps[i] for i in order]
    line = refusal(cfg)
    assert line.startswith(PIPELINE) and ('check their order' in line or 'before' in line)


def test_batch_larger_than_the_data_is_refused_where_incomplete_ones_are_dropped(cfg, refusal):
    cfg.train_dataloader.update(batch_size=64, drop_last=True)
    line = refusal(cfg)
    assert line.startswith('train_dataloader.batch_size = 64: ') and '4 images' in line


def test_several_optimizers_are_refused_by_their_own_names(cfg, refusal):
    cfg.optim_wrapper = dict(encoder=cfg.optim_wrapper, decoder=cfg.optim_wrapper)
    line = refusal(cfg)
    assert line.startswith('optim_wrapper = ') and 'encoder' in line and 'one optimizer' in line


@pytest.mark.parametrize('settings, key', [
    (dict(type='EMAHook'), 'custom_hooks[0].type'),
    (dict(type='mmst.PruneHook', sparsity=0.5, interval=1), 'custom_hooks[0].type')])
def test_second_hook_of_a_kind_is_refused(cfg, refusal, settings, key):
    cfg.custom_hooks = [settings]
    line = refusal(cfg)
    assert line.startswith(f'{key} = ') and 'default_hooks.' in line


def test_checkpoints_by_epoch_of_a_run_by_iterations_are_refused(cfg, refusal):
    cfg.train_cfg, cfg.param_scheduler = dict(type='IterBasedTrainLoop', max_iters=8), None
    line = refusal(cfg)
    assert line.startswith('default_hooks.checkpoint.by_epoch = True: ') and '=False' in line


def test_auxiliary_head_on_a_map_that_is_not_there_is_named(cfg, refusal):
    cfg.model.auxiliary_head = dict(cfg.model.decode_head, in_index=1)
    assert refusal(cfg).startswith('model.auxiliary_head.in_index = 1: ')


def test_constructor_that_does_not_know_the_network_is_named(cfg, refusal):
    cfg.optim_wrapper.update(
        constructor='mmseg.LearningRateDecayOptimizerConstructor',
        paramwise_cfg=dict(num_layers=6, decay_rate=0.9, decay_type='layer_wise'))
    assert refusal(cfg).startswith("optim_wrapper.constructor = 'mmseg.LearningRateDecay")


def test_backend_whose_package_is_missing_is_refused_with_the_command(cfg, refusal, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'wandb', None)
    cfg.visualizer.vis_backends = [dict(type='WandbVisBackend')]
    line = refusal(cfg)
    assert line.startswith('visualizer.vis_backends[0] = ') and 'pip install wandb' in line


def test_batch_of_one_image_with_maps_of_one_pixel_is_refused(cfg, refusal):
    cfg.model.decode_head = dict(type='PSPHead', pool_scales=(1, ), norm_cfg=dict(type='BN'),
                                 in_channels=8, channels=8, num_classes=19)
    for settings in (dict(batch_size=1), dict(batch_size=3)):  # the last of four images, too
        cfg.train_dataloader.update(settings)
        line = refusal(cfg)
        assert line.startswith('train_dataloader.batch_size = ') and 'drop_last=True' in line


def test_layers_for_gpus_are_refused_on_several_processes_without(cfg, refusal, monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    cfg.launcher = 'pytorch'
    cfg.model.decode_head.norm_cfg = dict(type='SyncBN')
    line = refusal(cfg)
    assert line.startswith("model = 'SyncBN': ") and "'BN'" in line
