# SuperTicket on Cityscapes at 90% sparsity: 8 GPUs x 4 images, 430 epochs, the paper's settings.
_base_ = [
    './_base_/models/hrnas_seg.py', './_base_/datasets/cityscapes.py',
    './_base_/schedules/adamw_onecycle_430e.py', './_base_/two_in_one.py', './_base_/runtime_seg.py'
]
default_hooks = dict(checkpoint=dict(save_best='mIoU'))
