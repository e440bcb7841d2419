# YOLOX with the widths of YOLOX-nano, from scratch, on boxes of generated street scenes. Mosaic and
# MixUp are left out: they are for hundreds of epochs.
_base_ = '../_base_/detection_demo.py'
norm_cfg, act_cfg = dict(type='BN', momentum=0.1, eps=0.001), dict(type='Swish')
summed = dict(type='CrossEntropyLoss', use_sigmoid=True, reduction='sum', loss_weight=1.0)
model = dict(
    _scope_='mmdet',
    type='YOLOX',
    data_preprocessor=dict(type='DetDataPreprocessor', pad_size_divisor=32),
    backbone=dict(
        type='CSPDarknet', deepen_factor=0.33, widen_factor=0.25, out_indices=(2, 3, 4),
        use_depthwise=True, norm_cfg=norm_cfg, act_cfg=act_cfg),
    neck=dict(
        type='YOLOXPAFPN', in_channels=[64, 128, 256], out_channels=64, num_csp_blocks=1,
        use_depthwise=True, norm_cfg=norm_cfg, act_cfg=act_cfg),
    bbox_head=dict(
        type='YOLOXHead', num_classes=8, in_channels=64, feat_channels=64, use_depthwise=True,
        norm_cfg=norm_cfg, act_cfg=act_cfg, loss_cls=summed, loss_obj=summed,
        loss_bbox=dict(type='IoULoss', mode='square', eps=1e-16, reduction='sum',
                       loss_weight=5.0),
        loss_l1=dict(type='L1Loss', reduction='sum', loss_weight=1.0)),
    train_cfg=dict(assigner=dict(type='SimOTAAssigner', center_radius=2.5)),
    test_cfg=dict(score_thr=0.01, nms=dict(type='nms', iou_threshold=0.65)))
