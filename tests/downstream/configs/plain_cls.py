# A plain mmpretrain config with the supernet as its backbone: no search, no pruning.
_base_ = [
    'mmpretrain::_base_/models/resnet18.py', 'mmpretrain::_base_/default_runtime.py',
    './_base_/colours.py'
]
custom_imports = dict(imports=['mmst'], allow_failed_imports=False)
model = dict(
    backbone=dict(
        _delete_=True, type='mmst.HRNASSupernet', stem_channels=(4, 4), channels=((4, ), (4, 6)),
        depths=((1, ), (1, 1)), tokens=4),
    head=dict(in_channels=6, num_classes=4, topk=(1, )))
train_dataloader = dict(batch_size=2, dataset=dict(indices=4))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
train_cfg = dict(by_epoch=True, max_epochs=1)
val_cfg = {}
test_cfg = {}
