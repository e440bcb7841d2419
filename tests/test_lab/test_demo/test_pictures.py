"""A demo's picture: its titles, and the predictions that are recorded for it."""
import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from mmst.lab.demo.pictures import title_of
from mmst.lab.demo.recorded import load_samples, save_samples
from mmst.lab.visualize import Subject


@pytest.mark.parametrize('record, title', [
    (dict(sparsity=0.9, metrics=dict(mIoU=61.25)), 'S+P, 90% sparse, mIoU 61.2'),
    (dict(metrics={}), 'S+P'), ({}, 'S+P'), (dict(sparsity=0.), 'S+P, 0% sparse')])
def test_the_title_has_the_figures_that_there_are(record, title):
    assert title_of(record) == title


@pytest.mark.parametrize('record, metric, title', [
    (dict(sparsity=0.9, metrics={'accuracy/top1': 96.67}), 'accuracy/top1',
     'ticket, 90% sparse, top-1 96.7'),
    (dict(sparsity=0.9, metrics={'coco/AP': 0.6125}), 'coco/AP', 'ticket, 90% sparse, AP 0.61')])
def test_the_title_shows_the_score_of_other_tasks(record, metric, title):
    assert title_of(record, metric, 'ticket') == title


def test_recorded_classes_come_back_with_the_right_one_of_the_image(tmp_path):
    from mmpretrain.structures import DataSample
    scores = torch.tensor([0.1, 0.7, 0.2])
    save_samples({3: DataSample().set_pred_score(scores)}, tmp_path / 'made' / 'found.json')
    subject = Subject('a.jpg', np.zeros((8, 8, 3), np.uint8), truth=DataSample().set_gt_label(2))
    sample = load_samples(tmp_path / 'made' / 'found.json', {3: subject})[3]
    assert torch.allclose(sample.pred_score, scores, atol=1e-4) and int(sample.gt_label[0]) == 2


def test_recorded_key_points_come_back(tmp_path):
    from mmpose.structures import PoseDataSample
    people = dict(keypoints=np.arange(68, dtype=np.float32).reshape(2, 17, 2),
                  keypoint_scores=np.full((2, 17), 0.5, np.float32),
                  bboxes=np.array([[0, 0, 9, 9], [5, 5, 30, 40]], np.float32))
    save_samples({0: PoseDataSample(pred_instances=InstanceData(**people))}, tmp_path / 'p.json')
    found = load_samples(tmp_path / 'p.json', {0: None})[0].pred_instances
    assert all(np.allclose(found[key], people[key]) for key in people)


def test_a_record_that_lacks_an_image_of_the_picture_is_left_out(tmp_path):
    save_samples({}, tmp_path / 'found.json')
    assert load_samples(tmp_path / 'found.json', {0: None}) is None
    assert load_samples(tmp_path / 'missing.json', {0: None}) is None
