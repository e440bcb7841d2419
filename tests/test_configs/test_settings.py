"""Every shipped config loads, and the settings are the paper's (docs/settings.md)."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmst  # noqa: F401
from mmst.registry import OPTIMIZERS, PARAM_SCHEDULERS

CONFIGS = Path(__file__).parents[2] / 'configs'
SHIPPED = sorted(str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob('*.py'))
RUNS = [name for name in SHIPPED if not name.startswith(('_base_', 'studies'))]
TASKS = ('imagenet', 'cityscapes', 'ade20k', 'coco')
RATIOS = (30, 50, 70, 80, 90, 95, 98)

BN = dict(
    imagenet=(0.01, 1e-3), cityscapes=(0.01, 1e-3), ade20k=(0.01, 1e-3), coco=(0.1, 1e-5))

#: Path in the config to its value for each of TASKS; one value where all agree.
TABLE = {
    'train_dataloader.batch_size': (32, 4, 4, 48),
    'auto_scale_lr.base_batch_size': (256, 32, 32, 384),
    'auto_scale_lr.enable': False,
    'train_dataloader.sampler.type': 'DefaultSampler',
    'train_dataloader.sampler.shuffle': True,
    'train_dataloader.worker_init_fn.type': 'mmst.seed_worker',
    'train_dataloader.persistent_workers': False,
    'train_dataloader.dataset.data_root': (
        'data/imagenet', 'data/cityscapes/', 'data/ade/ADEChallengeData2016', 'data/coco/'),
    'train_dataloader.dataset.type': (
        'ImageNet', 'CityscapesDataset', 'ADE20KDataset', 'CocoDataset'),
    'optim_wrapper.type': 'mmst.MaskedOptimWrapper',
    'optim_wrapper.constructor': 'mmst.DecayGroupsConstructor',
    'optim_wrapper.optimizer.type': ('mmst.RMSpropTF', 'AdamW', 'AdamW', 'Adam'),
    'optim_wrapper.optimizer.lr': (0.016, 0.04, 0.04, 1e-3),
    'optim_wrapper.optimizer.eps': (1e-3, 1e-3, 1e-3, 1e-8),
    'optim_wrapper.optimizer.weight_decay': (1e-5, 1e-5, 1e-5, 1e-8),
    'train_cfg.type': 'EpochBasedTrainLoop',
    'train_cfg.max_epochs': (350, 430, 200, 210),
    'train_cfg.val_interval': 10,
    'default_hooks.search.type': 'mmst.SearchHook',
    'default_hooks.search.rho': (1.8e-4, 1.4e-4, 1.4e-4, 1e-6),
    'default_hooks.search.interval': 10,
    'default_hooks.search.threshold': 1e-3,
    'default_hooks.search.warmup': 25,
    'default_hooks.search.input_shape': ((224, 224), (512, 1024), (512, 512), (256, 192)),
    'default_hooks.prune.type': 'mmst.PruneHook',
    'default_hooks.prune.sparsity': 0.9,
    'default_hooks.prune.interval': (25, 25, 15, 15),
    'default_hooks.prune.schedule': 'progressive',
    'default_hooks.prune.criterion': 'magnitude',
    'default_hooks.prune.scope': 'global',
    'default_hooks.prune.reactivation': 'search',
    'default_hooks.recalibrate.batches': 10,
    'default_hooks.ema.type': 'EMAHook',
    'default_hooks.ema.ema_type': 'mmst.WarmupEMA',
    'default_hooks.checkpoint.save_best': ('accuracy/top1', 'mIoU', 'mIoU', 'coco/AP'),
    'default_scope': ('mmpretrain', 'mmseg', 'mmseg', 'mmpose'),
    'model._scope_': ('mmpretrain', 'mmseg', 'mmseg', 'mmpose'),
    'model.type': ('ImageClassifier', 'EncoderDecoder', 'EncoderDecoder', 'TopdownPoseEstimator'),
    'model.backbone.type': 'mmst.HRNASSupernet',
    'model.neck.type': (
        'mmst.ClassificationNeck', *['mmst.DensePredictionNeck'] * 3),
    'model.neck.out_channels': (1600, 90, 180, 90),
}

#: Settings that one task has, or that two tasks write differently.
OWN = dict(
    imagenet={
        'optim_wrapper.optimizer.alpha': 0.9,
        'optim_wrapper.optimizer.momentum': 0.9,
        'model.neck.dropout': 0.2,
        'model.head.type': 'LinearClsHead',
        'model.head.num_classes': 1000,
        'model.head.topk': (1, 5),
        'model.head.loss.type': 'LabelSmoothLoss',
        'model.head.loss.label_smooth_val': 0.1,
        'model.head.init_cfg.type': 'mmst.SupernetInit',
        'val_evaluator.type': 'Accuracy',
        'val_evaluator.topk': (1, 5)},
    cityscapes={
        'model.decode_head.num_classes': 19,
        'model.decode_head.loss_decode.type': 'CrossEntropyLoss',
        'model.test_cfg.mode': 'whole',
        'val_evaluator.type': 'IoUMetric',
        'val_evaluator.iou_metrics': ['mIoU']},
    ade20k={
        'model.data_preprocessor.size': (512, 512),
        'model.decode_head.num_classes': 150,
        'model.decode_head.in_channels': 180,
        'model.decode_head.channels': 180,
        'model.decode_head.loss_decode.type': 'CrossEntropyLoss',
        'model.test_cfg.mode': 'whole',
        'val_evaluator.type': 'IoUMetric',
        'val_evaluator.iou_metrics': ['mIoU']},
    coco={
        'model.backbone.init_cfg': dict(type='mmst.SupernetInit', conv_std=0.001),
        'model.neck.init_cfg': dict(type='mmst.SupernetInit', conv_std=0.001),
        'model.head.init_cfg': dict(type='mmst.SupernetInit', conv_std=0.001),
        'model.head.type': 'HeatmapHead',
        'model.head.in_channels': 90,
        'model.head.out_channels': 17,
        'model.head.deconv_out_channels': None,
        'model.head.loss': dict(
            type='KeypointMSELoss', use_target_weight=True, loss_weight=0.5),
        'model.head.decoder': dict(
            type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2),
        'codec': dict(
            type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2),
        'model.test_cfg': dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
        'val_dataloader.dataset.bbox_file': None,
        'default_hooks.checkpoint.rule': 'greater',
        'val_evaluator.type': 'CocoMetric'})

ONE_CYCLE = dict(type='mmst.OneCycleBetaLR', eta_max=0.04, pct_start=0.3, div_factor=25,
                 base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
SCHEDULES = dict(
    imagenet=dict(type='mmst.StaircaseLR', step_size=2.4, gamma=0.97, by_epoch=True,
                  convert_to_iter_based=True),
    cityscapes=dict(ONE_CYCLE, total_steps=430),
    ade20k=dict(ONE_CYCLE, total_steps=200),
    coco=dict(type='MultiStepLR', milestones=[170, 200], gamma=0.1, by_epoch=True))

#: Steps that the training pipeline must hold, in this order.
AUGMENTATION = dict(
    imagenet=[
        dict(type='RandomResizedCrop', scale=224, interpolation='bicubic'),
        dict(type='RandomFlip', prob=0.5)],
    cityscapes=[
        dict(type='RandomResize', scale=(2048, 1024), ratio_range=(0.5, 2.0), keep_ratio=True),
        dict(type='RandomCrop', crop_size=(512, 1024), cat_max_ratio=0.75),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion')],
    ade20k=[
        dict(type='LoadAnnotations', reduce_zero_label=True),
        dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
        dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PhotoMetricDistortion')],
    coco=[
        dict(type='RandomFlip', direction='horizontal'),
        dict(type='RandomHalfBody', prob=0.3),
        # mmpose's rotation is the bound, twice the deviation.
        dict(type='RandomBBoxTransform', shift_prob=0., scale_factor=(0.65, 1.35),
             rotate_factor=90.),
        dict(type='TopdownAffine', input_size=(192, 256)),
        dict(type='GenerateTarget')])
TESTING = dict(
    imagenet=[dict(type='ResizeEdge', scale=256), dict(type='CenterCrop', crop_size=224)],
    cityscapes=[dict(type='Resize', scale=(2048, 1024), keep_ratio=True)],
    ade20k=[dict(type='Resize', scale=(2048, 512), keep_ratio=True),
            dict(type='LoadAnnotations', reduce_zero_label=True)],
    coco=[dict(type='TopdownAffine', input_size=(192, 256))])


def load(name):
    return Config.fromfile(CONFIGS / name)


def value(cfg, path):
    for key in path.split('.'):
        cfg = cfg[key]
    return cfg


def assert_holds(pipeline, wanted):
    """``pipeline`` has the ``wanted`` transforms in their order, with the wanted arguments."""
    types = [t['type'] for t in pipeline]
    places = [types.index(transform['type']) for transform in wanted]
    assert places == sorted(places)
    for place, transform in zip(places, wanted, strict=True):
        assert dict(pipeline[place], **transform) == pipeline[place]


@pytest.mark.parametrize('name', SHIPPED)
def test_config_loads(name):
    assert len(load(name)) > 0


@pytest.mark.parametrize('name', RUNS)
def test_run_is_complete(name):
    cfg = load(name)
    for key in ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator',
                'test_evaluator', 'train_cfg', 'val_cfg', 'test_cfg', 'optim_wrapper',
                'default_hooks', 'default_scope', 'auto_scale_lr'):
        assert key in cfg, key
    assert cfg.test_dataloader == cfg.val_dataloader


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('path', TABLE)
def test_setting_is_the_papers(task, path):
    expected = TABLE[path]
    if isinstance(expected, tuple):
        expected = expected[TASKS.index(task)]
    assert value(load(f'st_hrnas_{task}_p90.py'), path) == expected


@pytest.mark.parametrize('task', TASKS)
def test_settings_of_one_task_are_the_papers(task):
    cfg = load(f'st_hrnas_{task}_p90.py')
    assert {path: value(cfg, path) for path in OWN[task]} == OWN[task]


@pytest.mark.parametrize('task', TASKS)
def test_schedule_is_the_papers(task):
    assert load(f'st_hrnas_{task}_p90.py').param_scheduler == [SCHEDULES[task]]


@pytest.mark.parametrize('task', TASKS)
def test_optimizer_and_schedule_are_registered(task):
    cfg = load(f'st_hrnas_{task}_p90.py')
    init_default_scope(cfg.default_scope)
    assert OPTIMIZERS.get(cfg.optim_wrapper.optimizer.type) is not None
    assert PARAM_SCHEDULERS.get(cfg.param_scheduler[0].type) is not None


@pytest.mark.parametrize('task', TASKS)
def test_images_are_augmented_and_tested_as_in_the_paper(task):
    cfg = load(f'st_hrnas_{task}_p90.py')
    assert_holds(cfg.train_dataloader.dataset.pipeline, AUGMENTATION[task])
    assert_holds(cfg.val_dataloader.dataset.pipeline, TESTING[task])


@pytest.mark.parametrize('name', ['st_hrnas_imagenet_p90.py', 'demo/st_hrnas_imagenet_p90_demo.py'])
def test_colours_of_imagenet_are_not_changed(name):
    kinds = [transform['type'] for transform in load(name).train_dataloader.dataset.pipeline]
    assert kinds == ['LoadImageFromFile', 'RandomResizedCrop', 'RandomFlip', 'PackInputs']


@pytest.mark.parametrize('task', TASKS)
def test_decay_of_the_average_follows_from_the_total_batch(task):
    cfg = load(f'st_hrnas_{task}_p90.py')
    batch = 8 * cfg.train_dataloader.batch_size
    assert batch == cfg.auto_scale_lr.base_batch_size
    assert cfg.default_hooks.ema.momentum == pytest.approx(1 - 0.9999**(batch / 4096), rel=1e-9)


@pytest.mark.parametrize('part', ['backbone', 'neck'])
@pytest.mark.parametrize('task', TASKS)
def test_norms_are_the_tasks_own(task, part):
    cfg = load(f'st_hrnas_{task}_p90.py').model[part]
    assert (cfg.get('momentum', 0.01), cfg.get('eps', 1e-3)) == BN[task]


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('task', TASKS)
def test_sparsities_differ_in_nothing_else(task):
    main = load(f'st_hrnas_{task}_p90.py').to_dict()
    for ratio in RATIOS:
        cfg = load(f'st_hrnas_{task}_p{ratio}.py').to_dict()
        assert cfg['default_hooks']['prune']['sparsity'] == ratio / 100
        cfg['default_hooks']['prune']['sparsity'] = main['default_hooks']['prune']['sparsity']
        assert cfg == main


def test_backbone_is_the_same_in_all_tasks():
    """One class, untouched: only pose's norms and initialisation are arguments."""
    for task in TASKS:
        backbone = load(f'st_hrnas_{task}_p90.py').model.backbone
        assert set(backbone) <= ({'type', 'momentum', 'eps', 'init_cfg'} if task == 'coco'
                                 else {'type'})


def test_detected_boxes_are_an_option():
    cfg = load('st_hrnas_coco_p90.py')
    cfg.merge_from_dict({'test_dataloader.dataset.bbox_file': 'boxes.json'})
    assert cfg.test_dataloader.dataset.bbox_file == 'boxes.json'
    assert cfg.val_dataloader.dataset.bbox_file is None
