# Inherits a shipped config by the package's name: small images, a narrow network, two iterations.
_base_ = __import__('mmst').cfg('st_hrnas_imagenet_p90.py')
model = dict(
    backbone=dict(
        stem_channels=(4, 4), channels=((4, ), (4, 6)), depths=((1, ), (1, 1)), tokens=4),
    neck=dict(in_channels=(4, 6), channels=(6, 8), out_channels=16, tokens=4),
    head=dict(in_channels=16))
pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
data_root = 'data/imagenet'
train_dataloader = dict(
    batch_size=2, num_workers=0,
    dataset=dict(data_root=data_root, pipeline=pipeline, indices=4))
val_dataloader = dict(
    num_workers=0, persistent_workers=False,
    dataset=dict(data_root=data_root, pipeline=pipeline, indices=2))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1, val_interval=1)
default_hooks = dict(
    search=dict(interval=1, warmup=1, input_shape=(32, 32)),
    prune=dict(interval=1),
    recalibrate=dict(batches=1, batch_size=2),
    checkpoint=dict(interval=1))
