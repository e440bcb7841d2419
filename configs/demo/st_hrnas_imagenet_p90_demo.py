# The life of a SuperTicket that classifies, in minutes on two CPU cores: generated objects of six
# classes, of which two have the same surroundings each, and the narrow supernet without the fifth
# stage and with few blocks in the others: on maps this small a step takes as long as there are
# blocks, not images.
_base_ = '../_base_/narrow_objects.py'
classes = ('car', 'bicycle', 'chair', 'sofa', 'house', 'animal')
widths = ((8, ), (6, 12), (6, 12, 24), (6, 12, 24, 48))
model = dict(
    data_preprocessor=dict(num_classes=len(classes)),
    backbone=dict(channels=widths, depths=((1, ), (1, 1), (1, 1, 1), (1, 1, 1, 2))),
    neck=dict(in_channels=widths[-1]),
    head=dict(num_classes=len(classes)))
objects = dict(data_root='data/demo/few_objects', metainfo=dict(classes=classes))
train_dataloader = dict(batch_size=32, sampler=dict(share=0.32), dataset=objects)
val_dataloader = dict(dataset=objects)
test_dataloader = val_dataloader
epochs = 40
train_cfg = dict(max_epochs=epochs, val_begin=20, val_interval=20)
# The optimizer and the cycle of the paper's dense tasks: RMSProp's decay asks for more steps.
optim_wrapper = dict(
    paramwise_cfg=dict(_delete_=True),
    optimizer=dict(_delete_=True, type='AdamW', lr=0.04, eps=1e-3, weight_decay=1e-5))
param_scheduler = [
    dict(type='mmst.OneCycleBetaLR', eta_max=0.04, total_steps=epochs, pct_start=0.3, div_factor=25,
         base_momentum=0.85, max_momentum=0.95, by_epoch=True, convert_to_iter_based=True)
]
# The search ends at 70% of the multiply-adds and with it the penalty; 90% are reached before half
# of the epochs, and the network learns on with a tenth of its weights.
default_hooks = dict(
    search=dict(interval=2, rho=6e-4, threshold=1e-2, target_flops=34e6),
    recalibrate=dict(batches=8, batch_size=32),
    checkpoint=dict(interval=10))
