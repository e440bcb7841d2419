# Search and pruning of a detector in minutes on two CPU cores: the channels of the whole network
# are followed, the predictions stay. mmcv-lite has no NMS, which evaluation needs: there
# `mmst train CONFIG --no-validate`.
_base_ = ['./datasets/cityscapes_boxes_demo.py', './two_in_one.py', './runtime_det.py']
epochs = 12
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs, val_interval=epochs)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='mmst.MaskedOptimWrapper', clip_grad=dict(max_norm=10.0),
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=True, end=1, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=1, T_max=epochs - 1,
         convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(interval=20),
    ema=dict(momentum=0.02),
    # The cost of a stem's channel is many times the mean: without a minimum one would be left.
    search=dict(units='graph', interval=2, rho=0.06, threshold=0.05, warmup=1, minimum=8,
                input_shape=(128, 256)),
    prune=dict(sparsity=0.8, interval=2, parts=['backbone', 'neck', 'bbox_head']),
    recalibrate=dict(batches=4),
    checkpoint=dict(interval=4))
auto_scale_lr = dict(enable=False, base_batch_size=4)
