# SuperTicket on ADE20K at 90% sparsity: 8 GPUs x 4 images, 200 epochs, the paper's settings.
_base_ = [
    './_base_/models/hrnas_seg.py', './_base_/datasets/ade20k.py',
    './_base_/schedules/adamw_onecycle_200e.py', './_base_/two_in_one.py', './_base_/runtime_seg.py'
]
model = dict(
    data_preprocessor=dict(size=(512, 512)),
    neck=dict(out_channels=180),
    decode_head=dict(in_channels=180, channels=180, num_classes=150))
default_hooks = dict(
    search=dict(input_shape=(512, 512)),
    prune=dict(interval=15),
    ticket=dict(paper=[
        dict(source='supplement, Table 1', epochs=200, sparsity=0.8, mIoU=31.19, mAcc=43.10,
             aAcc=74.82, macs=317e6),
        dict(source='supplement, Table 1', epochs=200, sparsity=0.9, mIoU=27.82, mAcc=39.49,
             aAcc=73.37, macs=159e6)
    ]),
    checkpoint=dict(save_best='mIoU'))
