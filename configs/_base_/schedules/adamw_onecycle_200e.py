# The same with a cycle of 200 epochs.
_base_ = './adamw_onecycle_430e.py'
param_scheduler = [
    dict(type='OneCycleLR', eta_max=0.04, total_steps=200, pct_start=0.3, div_factor=25,
         by_epoch=True, convert_to_iter_based=True)
]
train_cfg = dict(max_epochs=200)
