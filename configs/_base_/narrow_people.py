# Generated people for narrow networks on CPUs: a supernet with all stages, branches, kernel sizes
# and Transformers, a short schedule with the paper's ratio of search and prune intervals.
_base_ = '../st_hrnas_coco_p90.py'
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48), (6, 12, 24, 48))
codec = dict(type='MSRAHeatmap', input_size=(72, 96), heatmap_size=(18, 24), sigma=2)
# A few hundred steps need faster averages of EMA and a shorter warm-up of a smaller penalty.
model = dict(
    backbone=dict(stem_channels=(8, 8), channels=widths, tokens=16),
    neck=dict(in_channels=widths[-1], out_channels=32, tokens=16),
    head=dict(in_channels=32, decoder=codec))
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0., scale_factor=(0.85, 1.15), rotate_factor=20.),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs')
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs')
]
data_root = 'data/demo/coco/'
train_dataloader = dict(
    batch_size=8, num_workers=1, drop_last=True,
    sampler=dict(type='mmst.PartSampler', share=0.1),
    dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=32, num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
epochs = 42
train_cfg = dict(max_epochs=epochs, val_begin=30, val_interval=6)
# So few steps of 1e-3 would not bring a scale from 1 to 0, so those of search units are larger.
scales = {'depthwise_bn.weight': dict(lr_mult=4), 'input_bn.weight': dict(lr_mult=4)}
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=scales),
    optimizer=dict(eps=1e-12))
param_scheduler = [
    dict(type='MultiStepLR', milestones=[34, 39], gamma=0.3, by_epoch=True)
]
default_hooks = dict(
    logger=dict(interval=10),
    ema=dict(momentum=0.02),
    search=dict(interval=2, rho=2.2e-7, warmup=2, input_shape=(96, 72)),
    # Queries, keys and values begin at 0.09 (Xavier), everything else at 0.001: in so few steps
    # magnitudes keep little but them. The ticket then has 0.00 AP.
    prune=dict(interval=3, transformers=False),
    recalibrate=dict(batches=4),
    checkpoint=dict(interval=6))
