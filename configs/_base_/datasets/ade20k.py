# ADE20K, 20210 / 2000 images, 150 classes: crops of 512x512 in training, whole images in tests.
_base_ = 'mmseg::_base_/datasets/ade20k.py'
train_dataloader = dict(
    batch_size=4, num_workers=4, persistent_workers=False,
    worker_init_fn=dict(type='mmst.seed_worker'),
    sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
