# Boxes of Cityscapes' road users as mmdet reads them, each image once an epoch.
_base_ = 'mmdet::_base_/datasets/cityscapes_detection.py'
images = dict(
    type='CityscapesDataset', data_root='data/cityscapes/',
    ann_file='annotations/instancesonly_filtered_gtFine_train.json',
    data_prefix=dict(img='leftImg8bit/train/'),
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=_base_.train_pipeline)
train_dataloader = dict(
    batch_sampler=None,  # all images have one aspect ratio
    persistent_workers=False, worker_init_fn=dict(type='mmst.seed_worker'),
    dataset=dict(_delete_=True, _scope_='mmdet', **images))
val_dataloader = dict(persistent_workers=False)
test_dataloader = dict(persistent_workers=False)
