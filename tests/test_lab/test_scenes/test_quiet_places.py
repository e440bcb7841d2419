"""Quiet places: ten of ADE20K's classes, all of them drawn, none given away by colour."""
import numpy as np
import pytest
from mmengine.config import Config

import mmst
from mmst.lab.scenes import generate
from mmst.lab.scenes.ade_scenes import annotation
from mmst.lab.scenes.quiet_places import draw_quiet_place


@pytest.fixture(scope='module')
def classes():
    return Config.fromfile(mmst.cfg('demo/st_hrnas_ade20k_p90_demo.py')).classes


@pytest.fixture(scope='module')
def places():
    return [draw_quiet_place((0, 0, index), index) for index in range(24)]


def test_the_classes_of_the_demo_and_no_others_are_drawn(places, classes):
    counts = sum(np.bincount(label.ravel(), minlength=256) for _, label in places)
    assert set(np.flatnonzero(counts)) == {annotation(name) for name in classes}
    assert (counts / counts.sum()).max() < 0.4, 'always answering one class must not look good'


def test_walls_floors_ceilings_and_sofas_share_their_colours(places):
    def mean_colours(name):
        return np.array([image[label == annotation(name)].mean(0) for image, label in places
                         if (label == annotation(name)).sum() > 50])

    walls = mean_colours('wall')
    for name in ('floor', 'ceiling', 'sofa', 'house'):
        others = mean_colours(name)
        spread = np.concatenate([walls, others]).std(0)
        assert (np.abs(walls.mean(0) - others.mean(0)) < 1.5 * spread).all()


def test_the_same_seed_draws_the_same_place_and_another_one_another():
    first, again, other = (draw_quiet_place((3, 0, index), 0, 64, 64) for index in (1, 1, 2))
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()
    assert (first[1] != other[1]).any()


def test_mmseg_numbers_the_classes_as_the_demo_lists_them(tmp_path, classes):
    from mmengine.registry import init_default_scope
    from mmseg.datasets import ADE20KDataset
    init_default_scope('mmseg')
    root = generate('quiet_places', tmp_path / 'data', (64, 64), 2, 2).path
    data = ADE20KDataset(
        data_root=str(root / 'ADEChallengeData2016'), metainfo=dict(classes=classes),
        data_prefix=dict(img_path='images/training', seg_map_path='annotations/training'),
        pipeline=[dict(type='LoadImageFromFile'),
                  dict(type='LoadAnnotations', reduce_zero_label=True)])
    assert len(data) == 2 and data.metainfo['classes'] == classes
    for index, kinds in enumerate((('wall', 'floor', 'ceiling', 'windowpane', 'sofa'),
                                   ('sky', 'grass', 'tree', 'mountain', 'house'))):
        found = set(np.unique(data[index]['gt_seg_map']).tolist())
        assert found and found <= {classes.index(kind) for kind in kinds}
