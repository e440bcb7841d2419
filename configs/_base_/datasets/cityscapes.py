# Cityscapes, 2975 / 500 images: crops of 512x1024 in training, whole images in tests.
_base_ = 'mmseg::_base_/datasets/cityscapes.py'
train_dataloader = dict(
    batch_size=4, num_workers=4, persistent_workers=False,
    worker_init_fn=dict(type='mmst.seed_worker'),
    sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True))
val_evaluator = dict(iou_metrics=['mIoU'])
test_evaluator = dict(iou_metrics=['mIoU'])
