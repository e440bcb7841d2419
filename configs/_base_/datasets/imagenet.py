# ImageNet, 1.28 M / 50 000 images: random crops to 224x224 and flips in training, the centre
# in tests.
_base_ = 'mmpretrain::_base_/datasets/imagenet_bs32_pil_bicubic.py'
# Belongs to the model, see models/hrnas_cls.py.
data_preprocessor = dict(_delete_=True)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomResizedCrop', scale=224, backend='pillow', interpolation='bicubic'),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs')
]
train_dataloader = dict(
    batch_size=32, persistent_workers=False, worker_init_fn=dict(type='mmst.seed_worker'),
    dataset=dict(pipeline=train_pipeline))
