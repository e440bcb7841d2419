"""Narrow networks on small real data: the environment names its folder, a demo or base the rest."""
from pathlib import Path

import pytest
from mmengine.config import Config

DEMOS = Path(__file__).parents[2] / 'configs' / 'demo'
NAMES = dict(
    camvid=('CAMVID_ROOT', '../_base_/narrow_streets.py'),
    caltech10=('CALTECH10_ROOT', '../_base_/narrow_objects.py'),
    coco_keypoints=('COCO_KEYPOINTS_ROOT', 'st_hrnas_coco_p90_demo.py'))


def load(name, end='p90'):
    return Config.fromfile(DEMOS / f'st_hrnas_{name}_{end}.py')


@pytest.mark.parametrize('name', NAMES)
def test_the_environment_names_the_folder_of_all_data(name, monkeypatch):
    monkeypatch.setenv(NAMES[name][0], '/elsewhere')
    cfg = load(name)
    for split in ('train', 'val', 'test'):
        assert cfg[f'{split}_dataloader'].dataset.data_root == '/elsewhere'
        evaluator = cfg.get(f'{split}_evaluator', {})
        assert evaluator.get('ann_file', '/elsewhere').startswith('/elsewhere')


@pytest.mark.parametrize('name', NAMES)
def test_without_it_the_folder_is_below_data(name, monkeypatch):
    monkeypatch.delenv(NAMES[name][0], raising=False)
    assert load(name).train_dataloader.dataset.data_root == f'data/{name}'


@pytest.mark.parametrize('name', NAMES)
def test_network_and_events_are_those_of_generated_data(name):
    cfg, demo = load(name), Config.fromfile(DEMOS / NAMES[name][1])
    for part in ('backbone', 'neck'):
        assert cfg.model[part] == demo.model[part]
    assert cfg.default_hooks.prune.sparsity == demo.default_hooks.prune.sparsity == 0.9


@pytest.mark.parametrize('name', ['cityscapes', 'ade20k', 'imagenet', 'coco'])
def test_cudnn_makes_no_trials_where_searches_change_shapes(name):
    cfg = Config.fromfile(DEMOS.parent / f'st_hrnas_{name}_p90.py')
    assert cfg.env_cfg.cudnn_benchmark is False and cfg.default_hooks.search


@pytest.mark.parametrize('name', ['cityscapes', 'ade20k', 'imagenet', 'coco'])
def test_demos_recalibrate_by_batches_of_the_size_of_training(name):
    cfg = load(name, 'p90_demo')
    size = cfg.train_dataloader.batch_size
    assert cfg.default_hooks.recalibrate.get('batch_size', size) == size
