# AdamW, one cycle over 430 epochs (paper Sec. 4.1; eps, start and length of the cycle as released;
# beta1 is cycled against the rate, as torch's schedule does by default, which the released code
# calls). Weight decay is decoupled, as the paper's AdamW says; the released code adds an L2 term to
# the loss.
optim_wrapper = dict(
    type='mmst.MaskedOptimWrapper',
    constructor='mmst.DecayGroupsConstructor',
    optimizer=dict(type='AdamW', lr=0.04, eps=1e-3, weight_decay=1e-5))
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=430, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=430, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# 8 GPUs x 4 images.
auto_scale_lr = dict(enable=False, base_batch_size=32)
