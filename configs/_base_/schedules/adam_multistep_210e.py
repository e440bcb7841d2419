# Adam, divided by 10 at epochs 170 and 200 of 210 (paper Sec. 4.1; eps and weight decay as
# released). Adam's weight decay is an L2 term, as in the released code.
optim_wrapper = dict(
    type='mmst.MaskedOptimWrapper',
    constructor='mmst.DecayGroupsConstructor',
    optimizer=dict(type='Adam', lr=1e-3, eps=1e-8, weight_decay=1e-8))
param_scheduler = [
    dict(type='MultiStepLR', milestones=[170, 200], gamma=0.1, by_epoch=True)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=210, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# 8 GPUs x 48 people.
auto_scale_lr = dict(enable=False, base_batch_size=384)
