# Pruning of mmseg's own FCN on HRNet-18-small, on street scenes.
_base_ = [
    'mmseg::_base_/models/fcn_hr18.py', 'mmseg::_base_/default_runtime.py', './_base_/streets.py',
    './_base_/short.py', './_base_/prune_only.py'
]
custom_imports = dict(imports=['mmst'], allow_failed_imports=False)
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    pretrained=None,
    data_preprocessor=dict(size=(64, 128)),
    backbone=dict(
        norm_cfg=norm_cfg,
        extra=dict(
            stage1=dict(num_blocks=(2, )),
            stage2=dict(num_blocks=(2, 2)),
            stage3=dict(num_modules=3, num_blocks=(2, 2, 2)),
            stage4=dict(num_modules=2, num_blocks=(2, 2, 2, 2)))),
    decode_head=dict(norm_cfg=norm_cfg))
default_hooks = dict(
    recalibrate=dict(batches=2, batch_size=4),
    ticket=dict(input_shape=(64, 128)))
