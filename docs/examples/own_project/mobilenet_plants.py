# A config as a project has it already: mmsegmentation's FCN on MobileNetV2, 600 iterations.
_base_ = 'mmseg::_base_/default_runtime.py'
classes = ('background', 'leaf', 'stem')
crop = (96, 128)
pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
    dict(type='RandomCrop', crop_size=crop), dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')
]
data = dict(
    type='BaseSegDataset', data_root='data/plants', img_suffix='.jpg', seg_map_suffix='.png',
    metainfo=dict(classes=classes, palette=[[0, 0, 0], [40, 160, 40], [160, 120, 60]]))
train_dataloader = dict(
    batch_size=4, num_workers=1, sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(**data, pipeline=pipeline, data_prefix=dict(
        img_path='images/train', seg_map_path='labels/train')))
val_dataloader = dict(
    batch_size=1, num_workers=1, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**data, pipeline=test_pipeline, data_prefix=dict(
        img_path='images/val', seg_map_path='labels/val')))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True, pad_val=0, seg_pad_val=255, size=crop),
    backbone=dict(
        type='MobileNetV2', widen_factor=0.5, strides=(1, 2, 2, 1, 1, 1, 1),
        dilations=(1, 1, 1, 2, 2, 4, 4), out_indices=(1, 2, 4, 6), norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FCNHead', in_channels=160, in_index=3, channels=32, num_convs=1, concat_input=False,
        num_classes=len(classes), norm_cfg=dict(type='BN')),
    train_cfg={}, test_cfg=dict(mode='whole'))
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=0.0005))
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, end=600, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=600, val_interval=200)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=200))
