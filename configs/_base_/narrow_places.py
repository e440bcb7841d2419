# Generated rooms and landscapes with about 60 of ADE20K's 150 classes for narrow networks on CPUs:
# a supernet with all stages, branches, kernel sizes and Transformers, a short schedule with the
# paper's ratio of search and prune intervals.
_base_ = '../st_hrnas_ade20k_p90.py'
crop = (96, 96)
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48), (6, 12, 24, 48))
# A few hundred steps need faster averages of BN and EMA and a stronger, shorter penalty.
model = dict(
    data_preprocessor=dict(size=crop),
    backbone=dict(stem_channels=(8, 8), channels=widths, tokens=16, momentum=0.1),
    neck=dict(in_channels=widths[-1], out_channels=48, tokens=16, momentum=0.1),
    decode_head=dict(in_channels=48, channels=48))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='RandomResize', scale=(512, 128), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(512, 128), keep_ratio=True),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='PackSegInputs')
]
data_root = 'data/demo/ade20k/ADEChallengeData2016'
train_dataloader = dict(
    batch_size=4, num_workers=1, drop_last=True,
    sampler=dict(type='mmst.PartSampler', share=0.2),
    dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=test_pipeline))
test_dataloader = val_dataloader
epochs = 42
train_cfg = dict(max_epochs=epochs, val_begin=30, val_interval=6)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(interval=10),
    ema=dict(momentum=0.02),
    search=dict(interval=2, rho=1e-3, warmup=2, input_shape=(128, 128)),
    prune=dict(interval=3),
    recalibrate=dict(batches=4),
    checkpoint=dict(interval=6))
