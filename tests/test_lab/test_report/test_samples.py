"""Predictions of each task's networks."""
import dataclasses
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.registry import init_default_scope
from mmpretrain.registry import DATASETS
from report_runs import write_run
from short_runs import short_run

from mmst.engine.build import build_model
from mmst.lab.report import samples as samples_module
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


def drawn(tmp_path, cfg, count=1):
    """Samples of a checkpoint that was not trained."""
    init_default_scope(cfg.default_scope)
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=build_model(cfg).state_dict()), path)
    run = collect(write_run(tmp_path / 'run'))
    return draw_samples(dataclasses.replace(run, cfg=cfg, weights=path), count)


@DATASETS.register_module(force=True)
class NoFiles(BaseDataset):
    """Images that lie in no files of their own, like CIFAR's."""

    def load_data_list(self):
        image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
        return [dict(img=image, gt_label=0)]


@pytest.mark.parametrize('to_float', [False, True])
def test_images_without_files_are_drawn_where_the_pipeline_leaves_them_images(tmp_path, to_float):
    cfg = short_run('imagenet', tmp_path)
    pipeline = [dict(type='PackInputs', meta_keys=())]
    if to_float:
        pipeline.insert(0, dict(type='torchvision/ToTensor'))
    cfg.val_dataloader.dataset = dict(type='NoFiles', metainfo=dict(
        classes=[str(i) for i in range(cfg.model.head.num_classes)]), pipeline=pipeline)
    sample, = drawn(tmp_path, cfg)
    if to_float:
        assert sample.png is None and 'leaves float32 rather than uint8' in sample.text
    else:
        assert cv2.imdecode(np.frombuffer(sample.png, np.uint8), cv2.IMREAD_COLOR).std() > 1


def test_a_run_without_a_visualizer_says_so(tmp_path):
    cfg = short_run('imagenet', tmp_path)
    cfg.visualizer = None
    sample, = drawn(tmp_path, cfg)
    assert sample.png is None and 'has no visualizer' in sample.text


def test_a_work_directory_s_data_are_not_unpickled_and_its_texts_not_evaluated(tmp_path):
    cfg = short_run('cityscapes', tmp_path)
    init_default_scope(cfg.default_scope)
    path, made = tmp_path / 'epoch_1.pth', tmp_path / 'made'
    torch.save(dict(state_dict=build_model(cfg).state_dict()), path)
    folder = tmp_path / 'images'
    folder.mkdir()
    (folder / 'a.png').write_bytes(f'cbuiltins\nopen\n(V{made}\nVw\ntR.'.encode())
    cfg.val_dataloader.dataset = dict(
        type='BaseSegDataset', data_root=str(tmp_path), img_suffix='.png', seg_map_suffix='.png',
        data_prefix=dict(img_path='images', seg_map_path='images'),
        metainfo=dict(classes=['a'], palette=[[0, 0, 0]]))
    run = collect(write_run(tmp_path / 'run'))
    for transform in (dict(type='LoadBiomedicalImageFromFile', decode_backend='pickle'),
                      dict(type='mmpretrain.torchvision/ConvertImageDtype',
                           dtype=f'float32 if open({str(made)!r}, "w") else 0')):
        cfg.val_dataloader.dataset['pipeline'] = [transform]
        data = dataclasses.replace(run, cfg=cfg, weights=path)
        sample, = draw_samples(data, 1)
        assert sample.png is None and 'its settings lead to' in sample.text
    assert not made.exists()


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='Linux bounds the memory')
def test_images_of_any_size_are_not_made_for_a_work_directory(tmp_path, monkeypatch):
    cfg = short_run('cityscapes', tmp_path)
    init_default_scope(cfg.default_scope)
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(state_dict=build_model(cfg).state_dict()), path)
    cfg.val_dataloader.dataset.pipeline.insert(1, dict(type='Resize', scale=(20000, 20000)))
    monkeypatch.setattr(samples_module, 'MEMORY', 512 << 20)
    data = dataclasses.replace(collect(write_run(tmp_path / 'run')), cfg=cfg, weights=path)
    sample, = draw_samples(data, 1)
    assert sample.png is None and 'could not be drawn' in sample.text, sample.text
