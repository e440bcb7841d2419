# Ten classes of generated objects for narrow networks on CPUs: a supernet with all stages,
# branches, kernel sizes and Transformers, a schedule of minutes that keeps the paper's order of
# events.
_base_ = '../st_hrnas_imagenet_p90.py'
classes = ('car', 'bus', 'truck', 'bicycle', 'motorcycle', 'chair', 'sofa', 'boat', 'house',
           'animal')
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48), (6, 12, 24, 48))
# A few hundred steps need faster averages of BN and EMA and a stronger, shorter penalty.
model = dict(
    data_preprocessor=dict(num_classes=10),
    backbone=dict(stem_channels=(8, 8), channels=widths, tokens=16, momentum=0.1),
    neck=dict(in_channels=widths[-1], channels=(12, 24, 36, 64), out_channels=160, tokens=16,
              dropout=0.1, momentum=0.1),
    head=dict(in_channels=160, num_classes=10))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=64, crop_ratio_range=(0.5, 1.0), backend='pillow',
         interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=72, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=64),
    dict(type='PackInputs')
]
data_root = 'data/demo/imagenet'
train_dataloader = dict(
    batch_size=8, num_workers=1, drop_last=True,
    sampler=dict(type='mmst.PartSampler', share=0.085),
    dataset=dict(data_root=data_root, metainfo=dict(classes=classes), pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, metainfo=dict(classes=classes), pipeline=test_pipeline))
test_dataloader = val_dataloader
epochs = 30
train_cfg = dict(max_epochs=epochs, val_begin=24, val_interval=6)
# The gradients of 8 images need a small eps. So few steps would not bring a scale from 1 to 0:
# those of the search units get larger ones.
scales = {'depthwise_bn.weight': dict(lr_mult=5), 'input_bn.weight': dict(lr_mult=5)}
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=scales),
    optimizer=dict(lr=3e-4, eps=1e-6))
param_scheduler = [
    dict(type='mmst.StaircaseLR', step_size=2.4, gamma=0.93, by_epoch=True,
         convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(interval=10),
    ema=dict(momentum=0.02),
    search=dict(interval=3, rho=5e-4, warmup=2, input_shape=(64, 64)),
    prune=dict(interval=2),
    recalibrate=dict(batches=8),
    checkpoint=dict(interval=6))
