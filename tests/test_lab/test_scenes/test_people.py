"""Generated people: COCO's schema, read by its tools and by mmpose, with exact key points."""
import json

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmst.lab.scenes import generate
from mmst.lab.scenes.figures import KEYPOINTS, KINDS, pose

SIZE = (120, 160)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    return generate('coco', tmp_path_factory.mktemp('data') / 'coco', SIZE, train=60, val=30).path


@pytest.fixture(scope='module')
def content(root):
    return json.loads((root / 'annotations' / 'person_keypoints_train2017.json').read_text())


def people(content):
    return [item for item in content['annotations'] if not item['iscrowd']]


def test_schema_is_that_of_coco(content):
    assert set(content) == {'info', 'licenses', 'images', 'annotations', 'categories'}
    category, = content['categories']
    assert category['keypoints'] == list(KEYPOINTS) and len(category['skeleton']) == 19
    images = {image['id'] for image in content['images']}
    assert len(images) == 60
    numbers = [item['id'] for item in content['annotations']]
    assert len(set(numbers)) == len(numbers)
    for item in content['annotations']:
        assert item['image_id'] in images and item['category_id'] == category['id']
        assert len(item['keypoints']) == 51
        flags = np.array(item['keypoints'])[2::3]
        assert item['num_keypoints'] == (flags > 0).sum()
        x, y, wide, high = item['bbox']
        assert x >= 0 and y >= 0 and x + wide <= SIZE[1] and y + high <= SIZE[0]
        assert 0 < item['area'] <= wide * high


def test_key_points_are_visible_hidden_and_cut_off(content):
    points = np.array([item['keypoints'] for item in people(content)]).reshape(-1, 17, 3)
    flags = points[..., 2]
    assert (flags == 2).mean() > 0.4 and (flags == 1).mean() > 0.05 and (flags == 0).mean() > 0.02
    assert (points[flags == 0] == 0).all()
    assert all((flags[:, index] == 2).any() for index in range(17))
    inside = points[flags > 0]
    assert (inside[:, :2] >= 0).all() and (inside[:, :2] <= (SIZE[1], SIZE[0])).all()


def test_visible_key_points_lie_on_the_person(root, content):
    from xtcocotools.coco import COCO
    coco = COCO(str(root / 'annotations' / 'person_keypoints_train2017.json'))
    for item in people(content):
        mask = coco.annToMask(coco.loadAnns(item['id'])[0])
        points = np.array(item['keypoints']).reshape(17, 3)
        for x, y, _ in points[points[:, 2] == 2]:
            column, row = int(x), int(y)
            assert mask[max(row - 2, 0):row + 3, max(column - 2, 0):column + 3].any()


def test_crowds_have_run_lengths_and_no_key_points(root, content):
    from xtcocotools.coco import COCO
    coco = COCO(str(root / 'annotations' / 'person_keypoints_train2017.json'))
    crowds = [item for item in content['annotations'] if item['iscrowd']]
    assert crowds
    for item in crowds:
        assert item['num_keypoints'] == 0
        assert coco.annToMask(coco.loadAnns(item['id'])[0]).sum() == item['area']


@pytest.mark.parametrize('split, count', [('train', 60), ('val', 30)])
def test_mmpose_loads_people_one_by_one(root, split, count):
    from mmpose.datasets import CocoDataset
    init_default_scope('mmpose')
    dataset = CocoDataset(
        data_root=str(root), ann_file=f'annotations/person_keypoints_{split}2017.json',
        data_prefix=dict(img=f'{split}2017/'),
        pipeline=[dict(type='LoadImage'), dict(type='GetBBoxCenterScale'),
                  dict(type='TopdownAffine', input_size=(48, 64))])
    assert len(dataset) > 1.5 * count
    for index in range(0, len(dataset), 10):
        item = dataset[index]
        assert item['img'].shape == (64, 48, 3)
        assert item['keypoints'].shape == (1, 17, 2)


def test_true_key_points_score_full_precision_and_detected_boxes_load(root):
    from mmpose.datasets import CocoDataset
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval
    init_default_scope('mmpose')
    path = str(root / 'annotations' / 'person_keypoints_val2017.json')
    coco = COCO(path)
    answers = [dict(image_id=item['image_id'], category_id=1, keypoints=item['keypoints'],
                    score=1.0, area=item['area'])
               for item in coco.loadAnns(coco.getAnnIds()) if not item['iscrowd']]
    sigmas = np.array([.26, .25, .25, .35, .35, .79, .79, .72, .72, .62, .62, 1.07, 1.07, .87,
                       .87, .89, .89]) / 10
    evaluation = COCOeval(coco, coco.loadRes(answers), 'keypoints', sigmas)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] > 0.99
    boxes = 'person_detection_results/COCO_val2017_detections_AP_H_56_person.json'
    detected = CocoDataset(ann_file=path, bbox_file=str(root / boxes), test_mode=True,
                           data_prefix=dict(img=str(root / 'val2017')))
    assert len(detected) == len(answers)


@pytest.mark.parametrize('kind', KINDS)
def test_limbs_keep_their_length_in_every_pose(kind):
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = pose(rng, kind, tall=2.0)
        for root, joint, end, lengths in ((11, 13, 15, (0.49, 0.47)), (6, 8, 10, (0.34, 0.30))):
            found = [np.linalg.norm(points[a] - points[b]) for a, b in ((root, joint),
                                                                        (joint, end))]
            assert np.allclose(found, lengths, atol=2e-3)
        assert points[:, 1].min() > 0


def test_quiet_people_are_two_whole_ones_who_face_the_camera(tmp_path):
    root = generate('quiet_people', tmp_path / 'coco', SIZE, train=6, val=2).path
    content = json.loads((root / 'annotations' / 'person_keypoints_train2017.json').read_text())
    assert len(content['annotations']) == 12 and not any(
        item['iscrowd'] for item in content['annotations'])
    points = np.array([item['keypoints'] for item in content['annotations']]).reshape(-1, 17, 3)
    assert (points[..., 2] == 2).mean() > 0.8
    left, right = (KEYPOINTS.index(f'{side}_shoulder') for side in ('left', 'right'))
    assert (points[:, left, 0] > points[:, right, 0]).all()  # as seen by the camera
