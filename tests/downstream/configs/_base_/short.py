# A short run of epochs of four iterations, evaluated after each.
optim_wrapper = dict(
    type='mmst.MaskedOptimWrapper', constructor='mmst.DecayGroupsConstructor',
    optimizer=dict(type='AdamW', lr=5e-3, weight_decay=1e-5))
train_cfg = dict(by_epoch=True, max_epochs=4, val_interval=1)
val_cfg = {}
test_cfg = {}
randomness = dict(seed=0)
