# Search and prune a narrow network on images of your own: 40 epochs, minutes on a CPU.
_base_ = 'mmst::st_hrnas_cityscapes_p90.py'

# Classes: pixel value k of a label map is class k; pixels of 255 are ignored.
classes = ('background', 'leaf', 'stem')
palette = [[0, 0, 0], [40, 160, 40], [160, 120, 60]]  # for pictures: red, green, blue

# Sizes. Mind the order: crops are (height, width), scales are (width, height).
crop = (96, 128)
scale = (160, 120)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=scale, ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='LoadAnnotations'),  # after Resize: labels keep their size, predictions take it
    dict(type='PackSegInputs')
]

# `_delete_` replaces the base's data set; without it the two would be merged.
data = dict(
    _delete_=True, type='BaseSegDataset', data_root='data/plants', img_suffix='.jpg',
    seg_map_suffix='.png', metainfo=dict(classes=classes, palette=palette))
train_dataloader = dict(
    batch_size=4, num_workers=1, drop_last=True,
    dataset=dict(**data, pipeline=train_pipeline, data_prefix=dict(
        img_path='images/train', seg_map_path='labels/train')))
val_dataloader = dict(
    num_workers=1,
    dataset=dict(**data, pipeline=test_pipeline, data_prefix=dict(
        img_path='images/val', seg_map_path='labels/val')))
test_dataloader = val_dataloader

# A narrow supernet: all stages, branches and kernel sizes, fewer channels and tokens. Averages of
# batch norms are faster than the paper's, which are made for tens of thousands of steps.
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48), (6, 12, 24, 48))
model = dict(
    data_preprocessor=dict(size=crop),
    backbone=dict(stem_channels=(8, 8), channels=widths, tokens=16, momentum=0.1),
    neck=dict(in_channels=widths[-1], out_channels=24, tokens=16, momentum=0.1),
    decode_head=dict(in_channels=24, channels=24, num_classes=len(classes)))

# How long, how sparse. A list such as param_scheduler replaces that of the base.
epochs = 40
train_cfg = dict(max_epochs=epochs, val_interval=10)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, by_epoch=True,
         convert_to_iter_based=True)
]
default_hooks = dict(
    ema=dict(momentum=0.02),  # the average follows within some 50 steps
    search=dict(interval=4, rho=5e-4, warmup=2, input_shape=(120, 160)),
    prune=dict(sparsity=0.8, interval=3),  # 10% more at each: 80% at epoch 24
    recalibrate=dict(batches=4, batch_size=8),
    checkpoint=dict(interval=10))
