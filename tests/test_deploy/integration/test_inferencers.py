"""The toolboxes' own inference functions on a sparse network."""
import numpy as np
import pytest
import torch
from deploy_tickets import small_config, small_ticket
from mmengine.registry import DefaultScope

from mmst.deploy.sparse import SparseModel
from mmst.deploy.sparse.library import kernel

pytestmark = pytest.mark.skipif(kernel() is None, reason='no C++ compiler')


@pytest.fixture(scope='module')
def picture():
    return np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)


def both(task, pipeline):
    """A ticket's dense and sparse network, as the toolbox's ``init_model`` gives one."""
    cfg = small_config(task)
    cfg.test_pipeline = cfg.test_dataloader.dataset.pipeline = pipeline
    if task == 'coco':
        cfg.model.test_cfg.flip_test = False
    ticket = small_ticket(task, 0.7)
    models = ticket.build(), SparseModel.from_ticket(ticket).model
    for model in models:
        model.cfg = model._config = cfg
        model.dataset_meta = dict(classes=list(map(str, range(1000))), flip_indices=list(range(17)))
    return models


def test_inference_model_of_mmseg(picture):
    from mmseg.apis import inference_model
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    with DefaultScope.overwrite_default_scope('mmseg'):
        dense, sparse = (inference_model(model, picture) for model in both('cityscapes', pipeline))
    assert torch.allclose(dense.seg_logits.data, sparse.seg_logits.data, atol=1e-4)
    assert (dense.pred_sem_seg.data == sparse.pred_sem_seg.data).float().mean() > 0.999


def test_inference_model_of_mmpretrain(picture):
    from mmpretrain.apis import ImageClassificationInferencer
    pipeline = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(64, 64)),
                dict(type='PackInputs')]
    dense, sparse = both('imagenet', pipeline)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        found = [ImageClassificationInferencer(model, pretrained=False)(picture)[0]
                 for model in (dense, sparse)]
    assert np.allclose(found[0]['pred_scores'], found[1]['pred_scores'], atol=1e-5)


def test_inference_topdown_of_mmpose(picture):
    from mmpose.apis import inference_topdown
    pipeline = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
                dict(type='TopdownAffine', input_size=(48, 64)), dict(type='PackPoseInputs')]
    box = np.array([[5., 5., 60., 50.]])
    with DefaultScope.overwrite_default_scope('mmpose'):
        dense, sparse = (inference_topdown(model, picture, box)[0].pred_instances
                         for model in both('coco', pipeline))
    assert np.allclose(dense.keypoint_scores, sparse.keypoint_scores, atol=1e-4)
    near = np.abs(dense.keypoints - sparse.keypoints).max(-1) < 1
    assert near.mean() > 0.9
