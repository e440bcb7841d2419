# Pruning of mmpretrain's own ResNet-18.
_base_ = [
    'mmpretrain::_base_/models/resnet18.py', './_base_/colours.py', './_base_/short.py',
    './_base_/prune_only.py'
]
custom_imports = dict(imports=['mmst'], allow_failed_imports=False)
default_scope = 'mmpretrain'
model = dict(head=dict(num_classes=4, topk=(1, )))
