# The full-width supernet searched and pruned on one CPU core: the network whose tickets
# benchmarks/latency.py measures. Small crops and few steps: speed depends on which units and
# weights are left, accuracy is not the aim. The search goes towards the parameters and
# multiply-adds that the paper reports for Cityscapes; penalty and threshold are higher than the
# paper's because 320 steps have to do what its 40,000 do. Units on small feature maps go last, so
# that multiply-adds are down long before parameters: at epoch 13 they are nearest to the paper's
# 2.03 G, and above. Its checkpoint, made after the 13th search has lifted the mask, is what tickets
# are drawn from.
_base_ = '../../configs/st_hrnas_cityscapes_p90.py'
crop = (64, 128)
model = dict(
    data_preprocessor=dict(size=crop),
    backbone=dict(momentum=0.1),
    neck=dict(momentum=0.1))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(256, 128), ratio_range=(0.5, 1.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs')
]
data_root = 'data/latency/cityscapes'
train_dataloader = dict(
    batch_size=2, num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
epochs = 20
train_cfg = dict(max_epochs=epochs, val_begin=epochs, val_interval=epochs)
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.02, total_steps=epochs, pct_start=0.1, div_factor=25,
         by_epoch=True, convert_to_iter_based=True)
]
# Revived weights return with their values: a network whose mask is lifted can be pruned again.
default_hooks = dict(
    ema=dict(momentum=0.05),
    search=dict(interval=1, rho=2e-3, warmup=1, threshold=0.02, input_shape=(512, 1024),
                target_flops=2.03e9, target_params=1.3e6),
    prune=dict(interval=2, revive='value'),
    recalibrate=dict(batches=2, batch_size=8),
    logger=dict(interval=8),
    checkpoint=dict(interval=13))
