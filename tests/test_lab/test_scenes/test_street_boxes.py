"""Boxes of generated street scenes: around what is visible, in the files that mmdet reads."""
import json

import cv2
import numpy as np
import pytest

from mmst.lab.scenes import generate
from mmst.lab.scenes.street_boxes import CATEGORY_IDS, boxes
from mmst.lab.scenes.street_scenes import STEP, draw_scene, draw_things

SIZE, TRAIN, VAL = (96, 192), 9, 3


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data')
    return generate('cityscapes_boxes', folder / 'boxes', SIZE, TRAIN, VAL).path


def test_box_surrounds_what_is_visible_of_a_thing():
    label = np.zeros((20, 30), np.int32)
    label[2:8, 3:11] = 5 * STEP + 13
    label[4:6, 5:7] = 0  # something before it
    found, = boxes(label)
    assert found == dict(category_id=26, bbox=[3., 2., 8., 6.], area=44., iscrowd=0)


def test_bicycle_and_rider_get_a_box_each_and_specks_the_street_and_poles_none():
    label = np.full((20, 30), 13, np.int32)  # the class of cars, but of no thing
    label[0:5, 0:5] = 2 * STEP + 18
    label[5:10, 0:5] = 2 * STEP + 12
    label[0:3, 20:25] = 3 * STEP + 13
    label[10:20, 10:20] = 4 * STEP + 5
    assert [item['category_id'] for item in boxes(label)] == [CATEGORY_IDS[12], CATEGORY_IDS[18]]


def test_numbered_things_have_the_classes_and_the_image_of_the_scene():
    image, label = draw_scene((0, 0, 1), 1, *SIZE)
    same, numbered = draw_things((0, 0, 1), 1, *SIZE)
    assert np.array_equal(image, same) and np.array_equal(label, numbered % STEP)
    people = numbered[label == 11]
    assert len(people) and people.min() >= STEP
    assert len(np.unique(people)) > 1


def test_files_are_those_of_coco_and_every_class_occurs(root):
    seen = set()
    for split, count in (('train', TRAIN), ('val', VAL)):
        content = json.loads((
            root / 'annotations' / f'instancesonly_filtered_gtFine_{split}.json').read_text())
        assert len(content['images']) == count
        assert len({item['id'] for item in content['annotations']}) == len(content['annotations'])
        assert {item['id']: item['name'] for item in content['categories']}[33] == 'bicycle'
        for item in content['images']:
            path = root / 'leftImg8bit' / split / item['file_name']
            assert cv2.imread(str(path)).shape[:2] == (item['height'], item['width']) == SIZE
        for item in content['annotations']:
            x, y, width, height = item['bbox']
            assert 0 <= x < x + width <= SIZE[1] and 0 <= y < y + height <= SIZE[0]
            assert 16 <= item['area'] <= width * height
            seen.add(item['category_id'])
    assert seen == set(CATEGORY_IDS.values())


def test_mmdet_reads_them(root):
    pytest.importorskip('mmdet')
    from mmdet.datasets import CityscapesDataset
    data = CityscapesDataset(
        data_root=str(root), ann_file='annotations/instancesonly_filtered_gtFine_train.json',
        data_prefix=dict(img='leftImg8bit/train/'), pipeline=[],
        filter_cfg=dict(filter_empty_gt=True, min_size=32))
    assert len(data) == TRAIN
    labels = {thing['bbox_label'] for image in map(data.get_data_info, range(TRAIN))
              for thing in image['instances']}
    assert labels <= set(range(8)) and len(labels) > 4
