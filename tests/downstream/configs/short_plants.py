# The config of docs/your_data.md, two epochs of it.
_base_ = './plants.py'
epochs = 2
train_cfg = dict(max_epochs=epochs, val_interval=1)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, by_epoch=True,
         convert_to_iter_based=True)
]
default_hooks = dict(
    search=dict(interval=1, warmup=1), prune=dict(interval=1),
    recalibrate=dict(batches=1, batch_size=4), checkpoint=dict(interval=1))
