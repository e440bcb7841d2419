"""Quiet streets: seven classes, all of them common, and no colour that gives a class away."""
import cv2
import numpy as np
import pytest

from mmst.lab.scenes import generate
from mmst.lab.scenes.quiet_streets import draw_quiet_scene

ROAD, SIDEWALK, BUILDING, VEGETATION, SKY, PERSON, CAR = SEVEN = (0, 1, 2, 8, 10, 11, 13)


@pytest.fixture(scope='module')
def scenes():
    return [draw_quiet_scene((0, 0, index)) for index in range(24)]


def test_the_seven_classes_and_no_others_are_drawn_and_each_is_common(scenes):
    counts = sum(np.bincount(label.ravel(), minlength=256) for _, label in scenes)
    share = counts / counts.sum()
    assert set(np.flatnonzero(counts)) == set(SEVEN)
    assert share[list(SEVEN)].min() > 0.02
    assert share.max() < 0.5, 'always answering one class must not look good'


def test_people_and_cars_are_large_enough_to_be_seen(scenes):
    for label, most in ((PERSON, 600), (CAR, 600)):
        assert np.median([(found == label).sum() for _, found in scenes]) > most


def test_houses_and_cars_share_their_colours(scenes):
    def mean_colours(label):
        return np.array([image[found == label].mean(0) for image, found in scenes
                         if (found == label).sum() > 50])

    cars, houses = mean_colours(CAR), mean_colours(BUILDING)
    spread = np.concatenate([cars, houses]).std(0)
    assert (np.abs(cars.mean(0) - houses.mean(0)) < spread).all()


def test_the_same_seed_draws_the_same_scene_and_another_one_another():
    first, again, other = (draw_quiet_scene((3, 0, index), 64, 128) for index in (1, 1, 2))
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()
    assert (first[1] != other[1]).any()
    assert first[0].shape == (64, 128, 3)


def test_the_folder_is_laid_out_as_that_of_cityscapes(tmp_path):
    generate('quiet_streets', tmp_path / 'data', (64, 128), 2, 1, 0)
    names = sorted(str(path.relative_to(tmp_path / 'data'))
                   for path in (tmp_path / 'data').rglob('*_gtFine_labelTrainIds.png'))
    assert [name.split('/')[:2] for name in names] == [
        ['gtFine', 'train'], ['gtFine', 'train'], ['gtFine', 'val']]
    label = cv2.imread(str(tmp_path / 'data' / names[0]), -1)
    assert set(np.unique(label)) <= set(SEVEN)
    assert label.shape == (64, 128)
