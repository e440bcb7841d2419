# RMSProp in TensorFlow's form, ×0.97 every 2.4 epochs, 350 epochs (paper Sec. 4.1; alpha, eps and
# the stairs as released). Weight decay is an L2 term, as in the released code.
optim_wrapper = dict(
    type='mmst.MaskedOptimWrapper',
    constructor='mmst.DecayGroupsConstructor',
    optimizer=dict(type='mmst.RMSpropTF', lr=0.016, alpha=0.9, momentum=0.9, eps=1e-3,
                   weight_decay=1e-5))
param_scheduler = [
    dict(type='mmst.StaircaseLR', step_size=2.4, gamma=0.97, by_epoch=True,
         convert_to_iter_based=True)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=350, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# 8 GPUs x 32 images.
auto_scale_lr = dict(enable=False, base_batch_size=256)
