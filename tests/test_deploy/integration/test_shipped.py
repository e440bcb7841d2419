"""The ticket that comes with the package: small, quick to load, and as good as its card says."""
import json
import time

import cv2
import numpy as np
import pytest

import mmst
from mmst.errors import ConfigError
from mmst.lab.scenes import generate
from mmst.settings.ticket_names import SHIPPED

#: Validation images of the card's second figure, generated alone.
IMAGES = 8
#: Numbers of the classes in Cityscapes' label files.
IDS = dict(road=0, sidewalk=1, building=2, vegetation=8, sky=10, person=11, car=13)


@pytest.fixture(scope='module')
def card():
    return json.loads((SHIPPED / 'street-p90.json').read_text())


def mean_iou(predictor, folder):
    """Over all pixels of the images; labels of the files are Cityscapes' own."""
    ids = np.array([IDS[name] for name in predictor.classes])
    both, either = np.zeros(len(ids)), np.zeros(len(ids))
    for path in sorted(folder.glob('leftImg8bit/val/*/*.png'))[:IMAGES]:
        truth = cv2.imread(str(path).replace('leftImg8bit/', 'gtFine/').replace(
            '_leftImg8bit.png', '_gtFine_labelTrainIds.png'), cv2.IMREAD_UNCHANGED)
        found = ids[predictor(path)]
        for place, label in enumerate(ids):
            one, other = (found == label) & (truth != 255), truth == label
            both[place] += (one & other).sum()
            either[place] += (one | other).sum()
    return float(100 * np.nanmean(both / either))


def test_it_is_as_good_as_its_card_says(card, tmp_path):
    generate('quiet_streets', tmp_path / 'street', train=1, val=IMAGES)
    predictor = mmst.load('street-p90', engine='torch')
    assert mean_iou(predictor, tmp_path / 'street') == pytest.approx(card['of_8_images'],
                                                                     abs=0.5)
    assert card['metrics']['mIoU'] > 70


def test_the_file_is_small_and_its_card_says_what_it_holds(card):
    path = SHIPPED / 'street-p90.sparse'
    assert path.stat().st_size <= 1.5e6
    ticket = mmst.load('street-p90', engine='torch').ticket
    assert ticket.sparsity == pytest.approx(card['sparsity']) == pytest.approx(0.9, abs=1e-4)
    kept = sum(int((value != 0).sum()) for value in ticket.build().parameters())
    assert card['params']['sparse'] == pytest.approx(kept, rel=0.01)
    text = (SHIPPED / 'street-p90.md').read_text()
    assert f'| mIoU | {card["metrics"]["mIoU"]:.4g} |' in text and "load('street-p90')" in text


def test_once_packages_are_imported_it_predicts_within_two_seconds_of_work():
    mmst.load('street-p90', engine='torch')  # imports mmseg
    begin = time.process_time()
    found = mmst.load('street-p90', engine='torch')(np.zeros((128, 256, 3), np.uint8))
    assert found.shape == (128, 256) and time.process_time() - begin < 2


def test_a_name_that_is_none_is_refused_with_those_that_there_are():
    with pytest.raises(ConfigError, match=r"did you mean 'street-p90'.*'street-p90'.*hf:user"):
        mmst.load('street-p9')
    with pytest.raises(ConfigError, match='engine'):
        mmst.load('street-p90', engine='gpu')
