# Street scenes for narrow networks on CPUs: a supernet with all stages, branches, kernel sizes
# and Transformers, a schedule of minutes. Intervals keep the paper's order of events: between
# prunes there are epochs with masks and epochs without.
_base_ = '../st_hrnas_cityscapes_p90.py'
crop = (80, 160)
classes = ('road', 'sidewalk', 'building', 'vegetation', 'sky', 'person', 'car')
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48), (6, 12, 24, 48))
# A few hundred steps need faster averages of BN and EMA and a stronger, shorter penalty.
model = dict(
    data_preprocessor=dict(size=crop),
    backbone=dict(stem_channels=(8, 8), channels=widths, tokens=16, momentum=0.1),
    neck=dict(in_channels=widths[-1], out_channels=24, tokens=16, momentum=0.1),
    decode_head=dict(
        in_channels=24, channels=24, num_classes=len(classes),
        init_cfg=dict(_delete_=True, type='Normal', std=0.01)))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(256, 128), ratio_range=(0.8, 1.3), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs')
]
street = dict(data_root='data/demo/quiet_streets', metainfo=dict(classes=classes))
train_dataloader = dict(
    batch_size=8, num_workers=1, drop_last=True,
    dataset=dict(**street, pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(**street, pipeline=test_pipeline))
test_dataloader = val_dataloader
epochs = 24
train_cfg = dict(max_epochs=epochs, val_begin=16, val_interval=4)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(interval=20),
    ema=dict(momentum=0.02),
    search=dict(interval=3, rho=5e-4, warmup=2, input_shape=(128, 256)),
    prune=dict(interval=2),
    recalibrate=dict(batches=2, batch_size=8),
    checkpoint=dict(interval=5))
