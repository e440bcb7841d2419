"""Predictions of each task's networks."""
import dataclasses

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from report_runs import write_run
from short_runs import short_run

from mmst.engine.build import build_model
from mmst.lab.report.collect import collect
from mmst.lab.report.samples import draw_samples


@pytest.mark.parametrize('task', ['cityscapes', 'imagenet', 'coco'])
def test_a_checkpoint_s_predictions_are_drawn_by_the_task_s_own_means(tmp_path, task):
    cfg = short_run(task, tmp_path)
    init_default_scope(cfg.default_scope)
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=build_model(cfg).state_dict()), path)
    data = dataclasses.replace(collect(write_run(tmp_path / 'run')), cfg=cfg, weights=path)
    samples = draw_samples(data, 2)
    assert all(sample.png and 'epoch_1.pth' in sample.text for sample in samples), samples
    assert all(('left side' in dict(s.legend).values()) == (task == 'coco') for s in samples)
    for sample in samples:
        picture = cv2.imdecode(np.frombuffer(sample.png, np.uint8), cv2.IMREAD_COLOR)
        assert picture.std() > 1
