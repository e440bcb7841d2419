"""Scores of always answering the most frequent class."""
import numpy as np
import pytest

from mmst.lab.constant_answer import of_images, of_pixels


def test_pixels_count_over_the_classes_that_occur():
    assert of_pixels(np.array([60, 0, 30, 10])) == pytest.approx(
        dict(mIoU=20., mAcc=100 / 3, aAcc=60.))


def test_images_count_by_their_five_most_frequent_classes():
    assert of_images(np.array([5, 1, 2, 3, 4, 4, 1])) == pytest.approx(
        {'accuracy/top1': 25., 'accuracy/top5': 90.})
