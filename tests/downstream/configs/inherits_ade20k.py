# Inherits a shipped config by the package's name: small images, a narrow network, two iterations.
_base_ = __import__('mmst').cfg('st_hrnas_ade20k_p90.py')
size = (32, 32)
model = dict(
    data_preprocessor=dict(size=size),
    backbone=dict(
        stem_channels=(4, 4), channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), tokens=4),
    neck=dict(in_channels=(4, 6), out_channels=8, tokens=4),
    decode_head=dict(in_channels=8, channels=8))
pipeline = [
    dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='PackSegInputs')
]
data_root = 'data/ade/ADEChallengeData2016'
train_dataloader = dict(
    batch_size=2, num_workers=0,
    dataset=dict(data_root=data_root, pipeline=pipeline, indices=4))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=pipeline, indices=2))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.04, total_steps=1, by_epoch=True,
         convert_to_iter_based=True)
]
default_hooks = dict(
    search=dict(interval=1, warmup=1, input_shape=size),
    prune=dict(interval=1),
    recalibrate=dict(batches=1, batch_size=2),
    checkpoint=dict(interval=1))
