# Real street scenes at a size that CPUs can train: CamVid (367 + 101 images of 180x240 with its own
# 11 classes, numbered in this order, 255 for what does not count) and the demo's narrow supernet.
# An epoch is a random third of the images, so that 60 of them hold the paper's ratio of search and
# prune intervals. The folder is that of the environment variable CAMVID_ROOT, or data/camvid.
_base_ = '../_base_/narrow_streets.py'
training_data = 'CamVid'  # for the metafile: the data set's class is that of any folder
classes = ('sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign', 'fence', 'car',
           'pedestrian', 'bicyclist')
palette = [[128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128], [60, 40, 222],
           [128, 128, 0], [192, 128, 128], [64, 64, 128], [64, 0, 128], [64, 64, 0], [0, 128, 192]]
crop = (96, 128)
model = dict(
    data_preprocessor=dict(size=crop), decode_head=dict(num_classes=len(classes)))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(160, 120), ratio_range=(0.8, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(160, 120), keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs')
]
data_root = '{{$CAMVID_ROOT:data/camvid}}'
camvid = dict(
    _delete_=True, type='BaseSegDataset', data_root=data_root, img_suffix='.jpg',
    seg_map_suffix='.png', reduce_zero_label=False,
    metainfo=dict(classes=classes, palette=palette))
train_dataloader = dict(
    batch_size=8, num_workers=0, sampler=dict(type='mmst.PartSampler', share=1 / 3),
    dataset=dict(
        **camvid, pipeline=train_pipeline,
        data_prefix=dict(img_path='img_dir/train', seg_map_path='ann_dir/train')))
val_dataloader = dict(
    batch_size=8,
    dataset=dict(
        **camvid, pipeline=test_pipeline,
        data_prefix=dict(img_path='img_dir/val', seg_map_path='ann_dir/val')))
test_dataloader = val_dataloader
epochs = 60
train_cfg = dict(max_epochs=epochs, val_begin=epochs, val_interval=epochs)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    search=dict(interval=2, rho=4e-4, warmup=3, input_shape=(120, 160)),
    prune=dict(interval=5),
    recalibrate=dict(batches=4, batch_size=16),
    checkpoint=dict(interval=5, max_keep_ckpts=1))
