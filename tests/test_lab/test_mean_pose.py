"""Constant answers score what can be counted by hand."""
import json

import pytest

from mmst.lab.mean_pose import mean_pose_ap
from mmst.lab.scenes import generate


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    """Generated people, and a copy of their annotations in which all have the same pose."""
    root = tmp_path_factory.mktemp('people')
    generate('coco', root, (96, 128), 2, 3, 0)
    path = root / 'annotations/person_keypoints_val2017.json'
    content = json.loads(path.read_text())
    for person in content['annotations']:
        left, top, width, height = person['bbox']
        points = [(left + (i % 4) / 4 * width, top + i / 17 * height, 2) for i in range(17)]
        person.update(keypoints=[value for point in points for value in point], num_keypoints=17)
    same = root / 'annotations/same.json'
    same.write_text(json.dumps(content))
    return root


def _dataset(root, name, split):
    from mmengine.registry import DATASETS
    return DATASETS.build(dict(
        _scope_='mmpose', type='CocoDataset', data_root=str(root), data_mode='topdown',
        ann_file=f'annotations/{name}.json', data_prefix=dict(img=f'{split}2017/'), pipeline=[]))


def test_the_mean_pose_is_right_where_all_have_the_same(people, capsys):
    same = _dataset(people, 'same', 'val')
    ap = mean_pose_ap(same, same, str(people / 'annotations/same.json'))
    assert ap == pytest.approx(1, abs=0.01)


def test_the_mean_pose_is_seldom_right_where_people_differ(people, capsys):
    val = _dataset(people, 'person_keypoints_val2017', 'val')
    train = _dataset(people, 'person_keypoints_train2017', 'train')
    ap = mean_pose_ap(train, val, str(people / 'annotations/person_keypoints_val2017.json'))
    assert 0 <= ap < 0.8
