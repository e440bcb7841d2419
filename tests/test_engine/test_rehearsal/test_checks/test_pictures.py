"""Endings, sizes and colours of the pictures of a data set."""
import os
import shutil

import mmseg.datasets  # noqa: F401
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from mmst.engine.rehearsal.checks import images
from mmst.engine.rehearsal.checks.images import check_images
from mmst.engine.rehearsal.checks.label_maps import check_label_maps
from mmst.engine.rehearsal.checks.sources import find_sources
from mmst.errors import DataError


@pytest.fixture
def data(tmp_path):
    """Six images and label maps of 8 x 6 pixels."""
    for name in ('images', 'labels'):
        (tmp_path / name).mkdir()
    for i in range(6):
        Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / 'images' / f'{i}.png')
        Image.fromarray(np.zeros((6, 8), np.uint8)).save(tmp_path / 'labels' / f'{i}.png')
    return tmp_path


def check(root, suffix='.png', loader='LoadAnnotations', kind='BaseSegDataset'):
    dataset = dict(type=kind, data_root=str(root), img_suffix=suffix, seg_map_suffix='.png',
                   data_prefix=dict(img_path='images', seg_map_path='labels'),
                   metainfo=dict(classes=('a', 'b')),
                   pipeline=[dict(type='LoadImageFromFile'), dict(type=loader)])
    with DefaultScope.overwrite_default_scope('mmseg'):
        source, = find_sources(Config(dict(train_dataloader=dict(dataset=dataset))),
                               'train_dataloader')
        check_images(source)
        check_label_maps(source)


@pytest.fixture
def told(monkeypatch):
    """Warnings."""
    found = []
    monkeypatch.setattr(images, 'print_log', lambda text, *_: found.append(text))
    return found


def test_whole_data_pass(data, told):
    check(data)
    assert not told


def test_endings_that_match_nothing_are_refused_with_what_is_there(data):
    for i in range(6):
        os.rename(data / 'images' / f'{i}.png', data / 'images' / f'{i}.PNG')
    with pytest.raises(DataError, match=r"img_suffix = '\.png': 0 images .*6 others .*'\.PNG'.*"
                                        'Remedy: ') as error:
        check(data)
    assert '\n' not in str(error.value)


def test_a_part_that_is_left_out_is_counted(data, told):
    shutil.copy(data / 'images' / '0.png', data / 'images' / '7.PNG')
    Image.new('RGB', (8, 6)).save(data / 'images' / '8.jpg')
    (data / 'images' / 'notes.txt').touch()
    check(data)
    line, = told
    assert '6 images' in line and '2 others' in line and '.PNG' in line and 'Remedy: ' in line


@pytest.mark.parametrize('picture, problem', [
    (Image.new('L', (8, 7)), '8 x 7 pixels'), (Image.new('L', (6, 8)), '6 x 8 pixels'),
    (Image.new('RGB', (8, 6)), r'colours \(RGB\)'), (Image.new('RGBA', (8, 6)), 'colours')])
def test_label_maps_that_do_not_fit_are_refused_by_name(data, picture, problem):
    picture.save(data / 'labels' / '3.png')
    with pytest.raises(DataError, match=rf'labels/3\.png.*{problem}.*Remedy: '):
        check(data)


def test_palettes_and_images_that_a_camera_has_turned_pass(data):
    Image.new('P', (8, 6)).save(data / 'labels' / '3.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (6, 8)).save(data / 'images' / '3.png', exif=exif)
    check(data)


def test_what_another_loader_reads_is_its_own_affair(data):
    Image.new('RGB', (8, 6)).save(data / 'labels' / '3.png')
    check(data, loader='LoadBiomedicalAnnotation')


def test_few_headers_are_read_of_large_data(data, monkeypatch):
    opened = []
    real = Image.open
    monkeypatch.setattr(Image, 'open', lambda path: opened.append(path) or real(path))
    for i in range(6, 300):
        for name in ('images', 'labels'):
            os.link(data / name / '0.png', data / name / f'{i}.png')
    check(data)
    assert len(opened) == 200
