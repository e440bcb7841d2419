"""A detector whose evaluation needs an operation that mmcv-lite lacks: said before the training."""
import importlib.util

import pytest
from mmengine.config import Config

from mmst.lab.scenes import generate

pytest.importorskip('mmdet')

MODEL = dict(
    type='RetinaNet', data_preprocessor=dict(type='DetDataPreprocessor', pad_size_divisor=32),
    backbone=dict(type='ResNet', depth=18, base_channels=8, out_indices=(1, 2, 3)),
    neck=dict(type='FPN', in_channels=[16, 32, 64], out_channels=8, num_outs=3),
    bbox_head=dict(
        type='RetinaHead', num_classes=80, in_channels=8, stacked_convs=1, feat_channels=8,
        anchor_generator=dict(type='AnchorGenerator', octave_base_scale=4, scales_per_octave=1,
                              ratios=[1.], strides=[8, 16, 32]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='FocalLoss', use_sigmoid=True), loss_bbox=dict(type='L1Loss')),
    train_cfg=dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4,
                                 min_pos_iou=0, ignore_iof_thr=-1),
                   sampler=dict(type='PseudoSampler'), allowed_border=-1, pos_weight=-1),
    test_cfg=dict(nms_pre=100, min_bbox_size=0, score_thr=0.05, max_per_img=10,
                  nms=dict(type='nms', iou_threshold=0.5)))


@pytest.mark.skipif(
    bool(importlib.util.find_spec('mmcv._ext') and importlib.util.find_spec('mmcv._ext').origin),
    reason='mmcv has its operations')
def test_operation_that_mmcv_lacks_is_found_before_the_training(tmp_path_factory, tmp_path,
                                                                refusal):
    root = generate('coco', tmp_path_factory.mktemp('coco') / 'data', (64, 64), 2, 1).path
    load = dict(type='LoadImageFromFile')
    pack = dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape',
                                                 'scale_factor'))
    loaders = {split: dict(
        batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='CocoDataset', data_root=str(root), test_mode=split == 'val',
                     ann_file=f'annotations/person_keypoints_{split}2017.json',
                     data_prefix=dict(img=f'{split}2017/'), pipeline=pipeline))
        for split, pipeline in (
            ('train', [load, dict(type='LoadAnnotations', with_bbox=True), pack]),
            ('val', [load, dict(type='Resize', scale=(64, 64)), pack]))}
    cfg = Config(dict(
        default_scope='mmdet', launcher='none', work_dir=str(tmp_path / 'work_dir'), model=MODEL,
        train_dataloader=loaders['train'], val_dataloader=loaders['val'], val_cfg={},
        val_evaluator=dict(type='CocoMetric',
                           ann_file=f'{root}/annotations/person_keypoints_val2017.json'),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(type='mmst.MaskedOptimWrapper', optimizer=dict(type='SGD', lr=0.01)),
        default_hooks=dict(prune=dict(type='mmst.PruneHook', sparsity=0.5, interval=1,
                                      reactivation=None))))
    line = refusal(cfg)
    assert line.startswith('model') and "'nms' needs the compiled operations of mmcv" in line
    assert line.endswith('built for this torch, or train without evaluation: mmst train '
                         '--no-validate.')
