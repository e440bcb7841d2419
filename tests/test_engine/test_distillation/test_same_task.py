"""A teacher sees the images as its pupil does, and numbers the classes alike."""
import re

import pytest
from mmengine.model import ImgDataPreprocessor
from mmseg.models import SegDataPreProcessor
from torch import nn

from mmst.engine.distillation.same_task import check_classes, check_images
from mmst.errors import ConfigError

MEAN, STD = [120., 110., 100.], [58., 57., 56.]


def network(kind=SegDataPreProcessor, classes=None, **settings):
    model = nn.Module()
    model.data_preprocessor = kind(**settings)
    if classes is not None:
        model.dataset_meta = dict(classes=classes)
    return model


OURS = dict(mean=MEAN, std=STD, bgr_to_rgb=True)


@pytest.mark.parametrize(('changes', 'words'), [
    (dict(mean=[0., 0., 0.]), ['mean (0, 0, 0)', '(120, 110, 100)']),
    (dict(std=[255., 255., 255.]), ['std (255, 255, 255)']),
    (dict(mean=None, std=None), ['mean none']),
    (dict(bgr_to_rgb=False), ['order of colours blue first', 'red first'])], ids=str)
def test_teachers_of_other_images_are_refused_in_one_line(changes, words):
    with pytest.raises(ConfigError) as error:
        check_images(network(**OURS), network(**{**OURS, **changes}), 'teacher')
    text = str(error.value)
    assert text.startswith('teacher = ') and 'Remedy' in text and '\n' not in text
    assert all(word in text for word in words)


@pytest.mark.parametrize('teacher', [
    network(**OURS), network(ImgDataPreprocessor, **OURS), network(nn.Identity), nn.Module()],
    ids=['the same', 'of another toolbox', 'unknown', 'none'])
def test_teachers_of_the_same_images_or_of_unknown_ones_are_taken(teacher):
    if isinstance(getattr(teacher, 'data_preprocessor', None), nn.Identity):
        teacher.data_preprocessor = None
    check_images(network(**OURS), teacher, 'teacher')


@pytest.mark.parametrize(('theirs', 'words'), [
    (['sky', 'road'], 'class 0 sky.*road'), (['road', 'sky', 'car'], 'number of classes 3')],
    ids=str)
def test_teachers_of_other_classes_are_refused_in_one_line(theirs, words):
    with pytest.raises(ConfigError, match=f'^teacher = .*{words}') as error:
        check_classes(dict(classes=('road', 'sky')), network(classes=theirs), 'teacher')
    assert not re.search(r'\n', str(error.value))


def test_classes_of_other_names_may_be_the_same_and_give_a_warning():
    said = check_classes(dict(classes=('road', 'sky')), network(classes=['street', 'sky']),
                         'teacher')
    assert said.startswith("teacher: its class 0 is called 'street'") and "'road'" in said


@pytest.mark.parametrize('theirs', [['road', 'sky'], None, 'road', []], ids=str)
def test_teachers_of_the_same_classes_or_of_unknown_ones_are_taken(theirs):
    ours = dict(classes=('road', 'sky'))
    assert check_classes(ours, network(classes=theirs), 'teacher') is None
    assert check_classes({}, network(classes=['road']), 'teacher') is None
