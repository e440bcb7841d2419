# The life of a SuperTicket on ADE20K's format in minutes on two CPU cores: quiet rooms and
# landscapes of ten classes, and the narrow supernet without the fifth stage and with few blocks in
# the others: on maps this small a step takes as long as there are blocks.
_base_ = '../_base_/narrow_places.py'
crop = (96, 96)
classes = ('wall', 'sky', 'floor', 'tree', 'ceiling', 'windowpane', 'grass', 'mountain', 'sofa',
           'house')
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48))
model = dict(
    backbone=dict(channels=widths, depths=((1, ), (1, 1), (1, 1, 1), (1, 1, 1, 2))),
    neck=dict(in_channels=widths[-1], out_channels=24),
    decode_head=dict(
        in_channels=24, channels=24, num_classes=len(classes),
        init_cfg=dict(_delete_=True, type='Normal', std=0.01)))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='RandomResize', scale=(512, 128), ratio_range=(0.8, 1.3), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
places = dict(
    data_root='data/demo/quiet_places/ADEChallengeData2016', metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=8, sampler=dict(share=0.5), dataset=dict(**places, pipeline=train_pipeline))
val_dataloader = dict(dataset=places)
test_dataloader = val_dataloader
# 90% are reached after half of the epochs, as in the paper: the network learns for as long again
# with a tenth of its weights.
epochs = 40
train_cfg = dict(max_epochs=epochs, val_begin=20, val_interval=20)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
# The search ends at 70% of the multiply-adds, and with it the penalty.
default_hooks = dict(
    search=dict(interval=2, rho=6e-4, threshold=1e-2, target_flops=166e6),
    prune=dict(interval=2),
    recalibrate=dict(batches=4, batch_size=8),
    checkpoint=dict(interval=10))
