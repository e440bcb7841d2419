# A plain mmpose config with the supernet as its backbone: no search, no pruning.
_base_ = 'mmpose::_base_/default_runtime.py'
custom_imports = dict(imports=['mmst'], allow_failed_imports=False)
codec = dict(type='MSRAHeatmap', input_size=(48, 64), heatmap_size=(12, 16), sigma=1)
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(
        type='mmst.HRNASSupernet', stem_channels=(4, 4), channels=((4, ), (4, 6)),
        depths=((1, ), (1, 1)), tokens=4),
    neck=dict(type='FeatureMapProcessor', select_index=0),
    head=dict(
        type='HeatmapHead', in_channels=4, out_channels=17, deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True), decoder=codec))
pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs')
]
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CocoDataset', data_root='data/coco/', data_mode='topdown', indices=4,
        ann_file='annotations/person_keypoints_train2017.json', data_prefix=dict(img='train2017/'),
        pipeline=pipeline))
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01))
train_cfg = dict(by_epoch=True, max_epochs=1)
val_cfg = None
test_cfg = None
