"""Gradients come through the model's own losses, whatever the task."""
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope

from mmst.pruning.gradients import loss_gradients
from mmst.pruning.prunable import prunable_weights
from mmst.registry import MODELS

BACKBONE = dict(type='mmst.HRNASSupernet', stem_channels=(4, 4), channels=((4, ), (4, 4)),
                depths=((1, ), (1, 1)), expand_ratio=1, tokens=2, transformer='none')
NECK = dict(type='mmst.DensePredictionNeck', in_channels=(4, 4), out_channels=4, expand_ratio=1,
            tokens=2, transformer='none')


def classifier():
    from mmpretrain.structures import DataSample
    model = dict(
        type='ImageClassifier', data_preprocessor=dict(type='ClsDataPreprocessor'),
        backbone=BACKBONE,
        neck=dict(type='mmst.ClassificationNeck', in_channels=(4, 4), channels=(6, 8),
                  out_channels=8),
        head=dict(type='LinearClsHead', in_channels=8, num_classes=3,
                  loss=dict(type='CrossEntropyLoss')))
    return model, [DataSample().set_gt_label(i) for i in range(2)]


def pose_estimator():
    from mmengine.structures import InstanceData, PixelData
    from mmpose.structures import PoseDataSample
    samples = []
    for _ in range(2):
        sample = PoseDataSample(metainfo=dict(input_size=(32, 32)))
        sample.gt_fields = PixelData(heatmaps=torch.rand(3, 8, 8))
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 3))
        samples.append(sample)
    model = dict(
        type='TopdownPoseEstimator', data_preprocessor=dict(type='PoseDataPreprocessor'),
        backbone=BACKBONE, neck=NECK,
        head=dict(type='HeatmapHead', in_channels=4, out_channels=3, deconv_out_channels=None,
                  loss=dict(type='KeypointMSELoss', use_target_weight=True)))
    return model, samples


@pytest.mark.parametrize('scope, task', [('mmpretrain', classifier), ('mmpose', pose_estimator)])
def test_every_task_gives_finite_gradients_of_backbone_and_neck(scope, task):
    __import__(scope)
    cfg, samples = task()
    with DefaultScope.overwrite_default_scope(scope):
        model = MODELS.build(ConfigDict(cfg))
        weights = prunable_weights(model)
        batch = dict(inputs=list(torch.rand(2, 3, 32, 32) * 255), data_samples=samples)
        if scope == 'mmpretrain':
            batch['inputs'] = torch.stack(batch['inputs'])
        found = loss_gradients(model, weights, [batch])
    assert set(found) == set(weights)
    assert all(bool(g.isfinite().all()) for g in found.values())
    for part in ('backbone.', 'neck.'):
        assert any(bool(g.any()) for name, g in found.items() if name.startswith(part))
