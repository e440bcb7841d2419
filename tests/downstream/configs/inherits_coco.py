# Inherits a shipped config by the package's name: small images, a narrow network, two iterations.
_base_ = __import__('mmst').cfg('st_hrnas_coco_p90.py')
codec = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1)
model = dict(
    backbone=dict(
        stem_channels=(4, 4), channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), tokens=4),
    neck=dict(in_channels=(4, 6), out_channels=8, tokens=4),
    head=dict(in_channels=8, decoder=codec))
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs')
]
val_pipeline = [step for step in train_pipeline if step['type'] != 'GenerateTarget']
data_root = 'data/coco/'
train_dataloader = dict(
    batch_size=2, num_workers=0,
    dataset=dict(data_root=data_root, pipeline=train_pipeline, indices=4))
val_dataloader = dict(
    batch_size=4, num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [dict(type='MultiStepLR', milestones=[1], gamma=0.1, by_epoch=True)]
default_hooks = dict(
    search=dict(interval=1, warmup=1, input_shape=(64, 48)),
    prune=dict(interval=1),
    recalibrate=dict(batches=1, batch_size=2),
    checkpoint=dict(interval=1))
