# SuperTicket on ImageNet at 90% sparsity: 8 GPUs x 32 images, 350 epochs, the paper's settings.
_base_ = [
    './_base_/models/hrnas_cls.py', './_base_/datasets/imagenet.py',
    './_base_/schedules/rmsprop_staircase_350e.py', './_base_/two_in_one.py',
    './_base_/runtime_cls.py'
]
default_hooks = dict(
    ema=dict(momentum=1 - 0.9999**(256 / 4096)),
    search=dict(rho=1.8e-4, input_shape=(224, 224)),
    ticket=dict(paper=[
        dict({'accuracy/top1': 74.2}, source='Sec. 4.2', epochs=350, sparsity=0.5)
    ]),
    checkpoint=dict(save_best='accuracy/top1'))
