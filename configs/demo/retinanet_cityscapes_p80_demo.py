# RetinaNet with ResNet-18, from scratch, on boxes of generated street scenes.
_base_ = ['mmdet::_base_/models/retinanet_r50_fpn.py', '../_base_/detection_demo.py']
model = dict(
    backbone=dict(depth=18, frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=[64, 128, 256, 512], out_channels=64),
    bbox_head=dict(num_classes=8, in_channels=64, feat_channels=64, stacked_convs=2))
