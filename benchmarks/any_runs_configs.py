"""Lists official configs for the short runs of ``any_runs.py``: their models, on generated data."""
import copy
import importlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from any_network import without_pretrained
from any_network_configs import POSE, config_path

#: Toolbox to the generated data set, its images' size, and the size of what the network sees.
DATA: dict[str, Any] = dict(mmpretrain=('imagenet', (64, 64), (64, 64)),
                            mmseg=('cityscapes', (64, 128), (64, 128)),
                            mmpose=('coco', (240, 320), (256, 192)))
#: Toolbox to the classes of the run, and of the head for another task.
STREETS = ('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light',
           'traffic sign', 'vegetation', 'terrain', 'sky', 'person', 'rider', 'car', 'truck',
           'bus', 'train', 'motorcycle', 'bicycle')
OBJECTS = tuple(map(str, range(25)))
CLASSES: dict[str, Any] = dict(mmpretrain=OBJECTS[:10], mmseg=STREETS)
OTHERS: dict[str, Any] = dict(mmpretrain=OBJECTS, mmseg=STREETS[:3] + STREETS[8:14])
EPOCHS = 2
#: Toolbox to the settings of its searches: some have fewer steps, which needs a stronger penalty.
SEARCH: dict[str, Any] = dict(mmpretrain=dict(rho=0.1, threshold=0.8),
                              mmseg=dict(rho=1., threshold=0.8), mmpose=dict(rho=1., threshold=0.8))


@dataclass(frozen=True)
class Run:
    """Names an official config and the needs of its short run.

    Attributes:
        toolbox (str): Its package.
        path (str): Below the package's ``.mim/configs``, without ``.py``.
        optimizer (dict): A short run of few steps needs larger ones than the official.
        search (dict): Settings of ``SearchHook``.
        changes (dict): To the model, by dotted names.
        other_head (dict): Changes to the model's head, which make it one for another task.
    """
    toolbox: str
    path: str
    optimizer: dict[str, Any] = field(default_factory=lambda: dict(
        type='SGD', lr=0.02, momentum=0.9))
    search: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)
    other_head: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return toolbox and name of the config."""
        return f'{self.toolbox}: {self.path.rpartition("/")[2]}'


#: Transformers' units have no γ, but rows of weights, of about 0.016 in the mean at first, which
#: AdamW moves by its rate a step.
_ADAMW: dict[str, Any] = dict(optimizer=dict(type='AdamW', lr=1e-3),
                              search=dict(rho=0.5, threshold=0.012))
RUNS = [
    Run('mmpretrain', 'resnet/resnet18_8xb32_in1k'),
    Run('mmpretrain', 'mobilenet_v2/mobilenet-v2_8xb32_in1k', search=dict(units='graph')),
    Run('mmpretrain', 'mobilenet_v3/mobilenet-v3-small-050_8xb128_in1k'),
    Run('mmpretrain', 'repvgg/repvgg-A0_8xb32_in1k'),
    Run('mmpretrain', 'efficientnet/efficientnet-b0_8xb32_in1k'),
    Run('mmpretrain', 'deit/deit-tiny_4xb256_in1k', **_ADAMW,
        changes={'backbone.img_size': 64}),
    Run('mmpretrain', 'convnext/convnext-tiny_32xb128_in1k', **_ADAMW,
        changes={'backbone.arch': 'atto', 'head.in_channels': 320}),
    Run('mmseg', 'bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024'),
    Run('mmseg', 'stdc/stdc1_4xb12-80k_cityscapes-512x1024', search=dict(rho=0.1)),
    Run('mmseg', 'ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024'),
    Run('mmseg', 'segformer/segformer_mit-b0_8xb1-160k_cityscapes-1024x1024'),
    Run('mmpose', f'{POSE}_vipnas-mbv3_8xb64-210e_coco-256x192',
        other_head={'head.deconv_num_groups': (80, 80, 80)}),
    Run('mmpose', f'{POSE}_hrnet-w32_8xb64-210e_coco-256x192',
        other_head={'head.conv_out_channels': (16, ), 'head.conv_kernel_sizes': (1, )}),
    Run('mmpose', 'body_2d_keypoint/rtmpose/coco/rtmpose-t_8xb256-420e_coco-256x192',
        other_head={'head.gau_cfg.hidden_dims': 128}),
]


def official_model(run: Run) -> dict[str, Any]:
    """Return the model of the official config for the generated data, without its download."""
    from mmengine.config import Config, ConfigDict
    package = importlib.import_module(run.toolbox)
    cfg = Config.fromfile(config_path(Path(package.__file__).parent, run.path))
    model = ConfigDict(without_pretrained(copy.deepcopy(cfg.model.to_dict())))
    if run.toolbox == 'mmpretrain':
        model.data_preprocessor = cfg.data_preprocessor.to_dict()
        model.data_preprocessor.pop('batch_augments', None)
    if run.toolbox == 'mmseg':
        model.data_preprocessor = dict(model.data_preprocessor, size=DATA['mmseg'][2])
        model.test_cfg = dict(mode='whole')
    _set_classes(model, len(CLASSES.get(run.toolbox, ())))
    wrapper = Config(dict(model=model.to_dict()))
    wrapper.merge_from_dict({f'model.{key}': value for key, value in run.changes.items()})
    return wrapper.model.to_dict()


def with_other_head(run: Run, model: dict[str, Any]) -> dict[str, Any]:
    """Return the model with a head for another task."""
    from mmengine.config import Config
    wrapper = Config(dict(model=copy.deepcopy(model)))
    if run.toolbox in CLASSES:
        _set_classes(wrapper.model, len(OTHERS[run.toolbox]))
    wrapper.merge_from_dict({f'model.{key}': value for key, value in run.other_head.items()})
    return wrapper.model.to_dict()


def _set_classes(model: Any, classes: int) -> None:
    """Let all heads have so many classes, and what belongs to each class."""
    if isinstance(model, dict):
        if 'num_classes' in model and classes:
            model['num_classes'] = classes
        if 'topk' in model:
            model['topk'] = (1, )
        model.pop('class_weight', None)
        for key, value in model.items():
            if key != 'backbone':
                _set_classes(value, classes)
    elif isinstance(model, (list, tuple)):
        for value in model:
            _set_classes(value, classes)


def run_config(run: Run, model: dict[str, Any], data_root: str, macs: float,
               classes: Sequence[str] = ()) -> dict[str, Any]:
    """Return the whole config of a short run of two epochs with search, pruning and a ticket.

    Args:
        run (Run): The official config.
        model (dict): Its model.
        data_root (str): Folder of the generated data.
        macs (float): Multiply-adds of the whole network: the search goes down to 70% of them.
        classes (Sequence[str]): Of the data set, as far as it has several.
    """
    _, _, size = DATA[run.toolbox]
    train, val, evaluator = LOADERS[run.toolbox](model, data_root, classes)
    loader = dict(batch_size=8, num_workers=0)
    return dict(
        default_scope=run.toolbox, model=model, env_cfg={}, log_level='WARNING',
        randomness=dict(seed=0),
        train_dataloader=dict(loader, dataset=train, drop_last=True,
                              sampler=dict(type='DefaultSampler', shuffle=True)),
        val_dataloader=dict(loader, dataset=val, sampler=dict(type='DefaultSampler',
                                                              shuffle=False)),
        test_dataloader=dict(loader, dataset=val, sampler=dict(type='DefaultSampler',
                                                               shuffle=False)),
        val_evaluator=evaluator, test_evaluator=evaluator, val_cfg={}, test_cfg={},
        train_cfg=dict(by_epoch=True, max_epochs=EPOCHS, val_interval=1),
        optim_wrapper=dict(type='mmst.MaskedOptimWrapper', optimizer=run.optimizer),
        param_scheduler=[],
        default_hooks=dict(
            timer=dict(type='IterTimerHook'), logger=dict(type='LoggerHook', interval=100),
            param_scheduler=dict(type='ParamSchedulerHook'),
            seed=dict(type='mmst.SeedHook'), sampler_seed=dict(type='DistSamplerSeedHook'),
            search=dict(type='mmst.SearchHook', input_shape=size, interval=1, warmup=0,
                        target_flops=0.7 * macs, **{**SEARCH[run.toolbox], **run.search}),
            prune=dict(type='mmst.PruneHook', sparsity=0.9, interval=1, reactivation='search'),
            recalibrate=dict(type='mmst.RecalibrateHook', batches=2, batch_size=8),
            ticket=dict(type='mmst.TicketHook'), timeline=dict(type='mmst.TimelineHook'),
            checkpoint=dict(type='mmst.TicketCheckpointHook', interval=1, max_keep_ckpts=1),
            interim_metrics=dict(type='mmst.InterimMetricsHook')))


def _classification(model: dict[str, Any], root: str,
                    classes: Sequence[str]) -> tuple[Any, Any, Any]:
    steps = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
    data = dict(type='ImageNet', data_root=root, metainfo=dict(classes=classes))
    return (dict(data, split='train', pipeline=[steps[0], dict(type='RandomFlip', prob=0.5),
                                                steps[1]]),
            dict(data, split='val', pipeline=steps), dict(type='Accuracy', topk=(1, )))


def _segmentation(model: dict[str, Any], root: str,
                    classes: Sequence[str]) -> tuple[Any, Any, Any]:
    # Some heads want the borders of things, too.
    edges = [dict(type='GenerateEdge', edge_width=4)] if 'Edge' in str(model) else []
    steps = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), *edges,
             dict(type='PackSegInputs')]
    data = dict(type='CityscapesDataset', data_root=root, pipeline=steps,
                metainfo=dict(classes=classes))
    train, val = (dict(data, data_prefix=dict(img_path=f'leftImg8bit/{split}',
                                              seg_map_path=f'gtFine/{split}'))
                  for split in ('train', 'val'))
    return train, val, dict(type='IoUMetric')


def _pose(model: dict[str, Any], root: str,
                    classes: Sequence[str]) -> tuple[Any, Any, Any]:
    codec = model['head']['decoder']
    steps = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
             dict(type='TopdownAffine', input_size=codec['input_size']),
             dict(type='PackPoseInputs')]
    data = dict(type='CocoDataset', data_root=root, data_mode='topdown')
    files = {split: f'annotations/person_keypoints_{split}2017.json' for split in ('train', 'val')}
    return (dict(data, ann_file=files['train'], data_prefix=dict(img='train2017/'), pipeline=[
                *steps[:3], dict(type='GenerateTarget', encoder=codec), steps[3]]),
            dict(data, ann_file=files['val'], data_prefix=dict(img='val2017/'), test_mode=True,
                 pipeline=steps),
            dict(type='CocoMetric', ann_file=f'{root}/{files["val"]}'))


LOADERS = dict(mmpretrain=_classification, mmseg=_segmentation, mmpose=_pose)
