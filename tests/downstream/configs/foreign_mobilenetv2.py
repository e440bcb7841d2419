# Search and pruning of mmpretrain's own MobileNetV2: its blocks offer units through an adapter.
_base_ = [
    'mmpretrain::_base_/models/mobilenet_v2_1x.py', './_base_/colours.py', './_base_/short.py',
    __import__('mmst').cfg('_base_/two_in_one.py')
]
default_scope = 'mmpretrain'
model = dict(backbone=dict(widen_factor=0.25), head=dict(num_classes=4, topk=(1, )))
epochs = 12
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.05, total_steps=epochs, pct_start=0.3, by_epoch=True,
         convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=epochs)
# Strong enough to remove channels in some forty steps.
default_hooks = dict(
    search=dict(interval=3, rho=0.1, warmup=2, threshold=0.01, input_shape=(32, 32)),
    prune=dict(interval=2, sparsity=0.6),
    recalibrate=dict(batches=4, batch_size=16),
    checkpoint=dict(interval=epochs))
