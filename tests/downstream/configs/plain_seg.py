# A plain mmsegmentation config with the supernet as its backbone: no search, no pruning.
_base_ = [
    'mmseg::_base_/models/fcn_hr18.py', 'mmseg::_base_/default_runtime.py', './_base_/streets.py'
]
custom_imports = dict(imports=['mmst'], allow_failed_imports=False)
norm_cfg = dict(type='BN')
model = dict(
    pretrained=None,
    data_preprocessor=dict(size=(64, 128)),
    backbone=dict(
        _delete_=True, type='mmst.HRNASSupernet', stem_channels=(4, 4), channels=((4, ), (4, 6)),
        depths=((1, ), (1, 1)), tokens=4),
    decode_head=dict(in_channels=[4, 6], in_index=(0, 1), channels=10, norm_cfg=norm_cfg))
train_dataloader = dict(batch_size=2, dataset=dict(indices=4))
val_dataloader = dict(dataset=dict(indices=1))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
train_cfg = dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2))
