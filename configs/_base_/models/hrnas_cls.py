# HR-NAS supernet for classification (paper supplement, Fig. 1).
model = dict(
    _scope_='mmpretrain',
    type='ImageClassifier',
    data_preprocessor=dict(
        type='ClsDataPreprocessor',
        num_classes=1000,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True),
    backbone=dict(type='mmst.HRNASSupernet'),
    # Widening, gathering, 1x1 convolution, average pooling and dropout.
    neck=dict(type='mmst.ClassificationNeck', out_channels=1600, dropout=0.2),
    head=dict(
        type='LinearClsHead',
        in_channels=1600,
        num_classes=1000,
        init_cfg=dict(type='mmst.SupernetInit'),
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='original'),
        topk=(1, 5)))
