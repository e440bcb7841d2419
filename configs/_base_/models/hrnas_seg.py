# HR-NAS supernet for semantic segmentation (paper supplement, Fig. 1).
model = dict(
    _scope_='mmseg',
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(512, 1024)),
    backbone=dict(type='mmst.HRNASSupernet'),
    neck=dict(type='mmst.DensePredictionNeck', out_channels=90),
    # A 1x1 classifier and nothing else: FCNHead without convolutions.
    decode_head=dict(
        type='FCNHead',
        in_channels=90,
        channels=90,
        in_index=0,
        num_convs=0,
        concat_input=False,
        kernel_size=1,
        dropout_ratio=0.,
        num_classes=19,
        align_corners=False,
        init_cfg=dict(type='mmst.SupernetInit'),
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0)),
    train_cfg={},
    test_cfg=dict(mode='whole'))
