# The life of a SuperTicket in minutes on two CPU cores: generated street scenes and a narrow
# supernet with all branches, kernel sizes and Transformers, but without the fifth stage and with
# few blocks in the others: on maps this small a step takes as long as there are blocks.
_base_ = '../_base_/narrow_streets.py'
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48))
model = dict(backbone=dict(channels=widths, depths=((1, ), (1, 1), (1, 1, 1), (1, 1, 1, 2))))
# 90% are reached after half of the epochs, as in the paper (225 of 430): the rate is still high,
# and the network learns for as long again with a tenth of its weights.
epochs = 36
train_cfg = dict(max_epochs=epochs, val_begin=12, val_interval=12)
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
# The search ends at 70% of the multiply-adds, in the first quarter of the run, and with it the
# penalty. At the paper's threshold both would go on to the last quarter, the penalty ever stronger.
default_hooks = dict(search=dict(rho=6e-4, threshold=1e-2, target_flops=320e6))
