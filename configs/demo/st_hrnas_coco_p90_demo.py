# The life of a SuperTicket on key points in minutes on two CPU cores: two large people an image who
# face the camera, and the narrow supernet without the fifth stage and with few blocks in the
# others: on maps this small a step takes as long as there are blocks, not people.
_base_ = '../_base_/narrow_people.py'
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48))
# Maps of 18x24 are coarse, so maxima are found between their pixels.
codec = dict(
    type='MSRAHeatmap', input_size=(72, 96), heatmap_size=(18, 24), sigma=2, unbiased=True)
# A mean over mostly empty heat maps has gradients near 1e-8 with the released weight and
# initialisation; with these it learns at the rate, and by the optimizer, of the other dense tasks.
init = dict(_delete_=True, type='mmst.SupernetInit')
model = dict(
    backbone=dict(channels=widths, depths=((1, ), (1, 1), (1, 1, 1), (1, 1, 1, 2)), init_cfg=init),
    neck=dict(in_channels=widths[-1], init_cfg=init),
    head=dict(
        decoder=codec, loss=dict(loss_weight=100.),
        init_cfg=dict(_delete_=True, type='Normal', layer='Conv2d', std=0.01)))
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0., scale_factor=(0.85, 1.15), rotate_factor=20.),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs')
]
data_root = 'data/demo/quiet_people/'
train_dataloader = dict(
    batch_size=16, sampler=dict(share=0.44),
    dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/person_keypoints_val2017.json')
test_evaluator = val_evaluator
epochs = 40
train_cfg = dict(max_epochs=epochs, val_begin=20, val_interval=20)
optim_wrapper = dict(
    paramwise_cfg=dict(_delete_=True),
    optimizer=dict(_delete_=True, type='AdamW', lr=0.04, eps=1e-3, weight_decay=1e-5))
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
# 90% are reached before half of the epochs; the search ends at 70% of the multiply-adds.
default_hooks = dict(
    search=dict(interval=2, rho=6e-4, threshold=1e-2, target_flops=84e6),
    prune=dict(interval=2, transformers=True),
    recalibrate=dict(batches=8, batch_size=16),
    checkpoint=dict(interval=10))
