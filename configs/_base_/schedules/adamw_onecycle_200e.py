# The same with a cycle of 200 epochs.
_base_ = './adamw_onecycle_430e.py'
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=200, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=200)
