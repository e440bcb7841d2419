# SuperTicket on Cityscapes at 90% sparsity: 8 GPUs x 4 images, 430 epochs, the paper's settings.
_base_ = [
    './_base_/models/hrnas_seg.py', './_base_/datasets/cityscapes.py',
    './_base_/schedules/adamw_onecycle_430e.py', './_base_/two_in_one.py', './_base_/runtime_seg.py'
]
default_hooks = dict(
    ticket=dict(paper=[
        dict(source='Sec. 4.2', epochs=430, sparsity=0.5, mIoU=72.68, params=0.63e6, macs=1e9),
        dict(source='supplement, Table 1', epochs=430, sparsity=0.8, mIoU=69.77, mAcc=79.76,
             aAcc=95.12, macs=397e6),
        dict(source='Table 1', epochs=430, sparsity=0.9, mIoU=66.61, mAcc=76.30, aAcc=94.63,
             macs=200e6)
    ]),
    checkpoint=dict(save_best='mIoU'))
