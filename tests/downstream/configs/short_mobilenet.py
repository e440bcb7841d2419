# The config of docs/your_project.md, four iterations of it.
_base_ = './mobilenet_plants_p80.py'
train_cfg = dict(max_iters=4, val_interval=2)
param_scheduler = [dict(type='PolyLR', eta_min=1e-4, power=0.9, end=4, by_epoch=False)]
default_hooks = dict(
    search=dict(interval=2, warmup=1), prune=dict(interval=1),
    recalibrate=dict(batches=1, batch_size=4), checkpoint=dict(interval=2))
