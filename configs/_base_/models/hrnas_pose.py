# HR-NAS supernet for top-down key points: heat maps from a 1x1 layer, no deconvolution (paper
# supplement, Fig. 1). Norms and initialisation as released for pose.
pose_norm = dict(momentum=0.1, eps=1e-5)
pose_init = dict(type='mmst.SupernetInit', conv_std=0.001)
model = dict(
    _scope_='mmpose',
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    backbone=dict(type='mmst.HRNASSupernet', init_cfg=pose_init, **pose_norm),
    neck=dict(type='mmst.DensePredictionNeck', out_channels=90, init_cfg=pose_init, **pose_norm),
    head=dict(
        type='HeatmapHead',
        in_channels=90,
        out_channels=17,
        deconv_out_channels=None,
        init_cfg=pose_init,
        # Half the mean squared error of the key points that are labelled.
        loss=dict(type='KeypointMSELoss', use_target_weight=True, loss_weight=0.5),
        decoder=dict(
            type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True))
