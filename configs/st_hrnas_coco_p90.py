# SuperTicket on COCO key points at 90% sparsity: 8 GPUs x 48 people, 210 epochs, the paper's
# settings.
_base_ = [
    './_base_/models/hrnas_pose.py', './_base_/datasets/coco_keypoint.py',
    './_base_/schedules/adam_multistep_210e.py', './_base_/two_in_one.py',
    './_base_/runtime_pose.py'
]
default_hooks = dict(
    ema=dict(momentum=1 - 0.9999**(384 / 4096)),
    search=dict(rho=1e-6, input_shape=(256, 192)),
    prune=dict(interval=15),
    ticket=dict(paper=[
        dict({'coco/AP': 0.6102, 'coco/AP (M)': 0.5880, 'coco/AP (L)': 0.6464, 'coco/AR': 0.6478},
             source='Table 1', epochs=210, sparsity=0.9)
    ]),
    checkpoint=dict(save_best='coco/AP', rule='greater'))
