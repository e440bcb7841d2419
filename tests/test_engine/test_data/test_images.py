"""Endings, sizes and colours of the pictures of a data set."""
import os
import shutil

import cv2
import mmseg.datasets  # noqa: F401
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import TRANSFORMS
from PIL import Image

from mmst.engine.data import MOST, check_data, images
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


def check(root, suffix='.png', loader='LoadAnnotations', kind='BaseSegDataset', **more):
    dataset = dict(type=kind, data_root=str(root), img_suffix=suffix, seg_map_suffix='.png',
                   data_prefix=dict(img_path='images', seg_map_path='labels'),
                   metainfo=dict(classes=('a', 'b')),
                   pipeline=[dict(type='LoadImageFromFile'),
                             loader if isinstance(loader, dict) else dict(type=loader)], **more)
    check_data(Config(dict(default_scope='mmseg', model=dict(decode_head=dict(num_classes=2)),
                           train_dataloader=dict(dataset=dataset))), ('train', ))


@pytest.fixture
def printed(monkeypatch):
    """Warnings."""
    found = []
    monkeypatch.setattr(images, 'print_log', lambda text, *_: found.append(text))
    return found


def test_whole_data_pass(data, printed):
    check(data)
    assert not printed


def test_endings_that_match_nothing_are_refused_with_what_is_there(data):
    for i in range(6):
        os.rename(data / 'images' / f'{i}.png', data / 'images' / f'{i}.PNG')
    with pytest.raises(DataError, match=r"img_suffix = '\.png': 0 images .*6 others .*'\.PNG'.*"
                                        'Remedy: ') as error:
        check(data)
    assert '\n' not in str(error.value)


def test_a_part_that_is_left_out_is_counted(data, printed):
    shutil.copy(data / 'images' / '0.png', data / 'images' / '7.PNG')
    Image.new('RGB', (8, 6)).save(data / 'images' / '8.jpg')
    (data / 'images' / 'notes.txt').touch()
    check(data)
    line, = printed
    assert '6 images' in line and '2 others' in line and '.PNG' in line and 'Remedy: ' in line


@pytest.mark.parametrize('picture, problem', [
    (Image.new('L', (8, 7)), '8 x 7 pixels'), (Image.new('L', (6, 8)), '6 x 8 pixels'),
    (Image.new('RGB', (8, 6)), 'colours'), (Image.new('RGBA', (8, 6)), 'colours')])
def test_label_maps_that_do_not_fit_are_refused_by_name(data, picture, problem):
    picture.save(data / 'labels' / '3.png')
    with pytest.raises(DataError, match=rf'labels/3\.png.*{problem}.*Remedy: '):
        check(data)


@pytest.mark.parametrize('place', ['labels/3.png', 'images/3.png', 'list.txt'])
def test_pipes_in_the_place_of_files_are_not_waited_for(data, place):
    (data / 'list.txt').write_text(''.join(f'{i}\n' for i in range(6)))
    (data / place).unlink()
    os.mkfifo(data / place)
    with pytest.raises(DataError, match=rf'{place}.*Remedy: copy'):
        check(data, ann_file='list.txt')


def palette(data, colours):
    """A label map with numbers 0 and 1, and a palette."""
    picture = Image.fromarray(np.eye(6, 8, dtype=np.uint8)).convert('P')
    picture.putpalette(colours)
    picture.save(data / 'labels' / '3.png')


def test_palettes_and_images_that_a_camera_has_turned_pass(data):
    palette(data, [0, 0, 0, 128, 0, 0])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (6, 8)).save(data / 'images' / '3.png', exif=exif)
    check(data)


def read_with_cv2(results, flag):
    results['gt_seg_map'] = cv2.imread(results['seg_map_path'], flag)
    return results


@pytest.fixture
def own_loader():
    """``own_loader(function)``: the name of a transform of the user's own that reads label maps."""
    def register(function):
        TRANSFORMS.register_module(name='ReadGreyMaps', module=lambda: function, force=True)
        return 'mmengine.ReadGreyMaps'

    yield register
    TRANSFORMS._module_dict.pop('ReadGreyMaps', None)


@pytest.mark.parametrize('colours', [[0, 0, 0, 128, 0, 0], [1, 1, 1, 0, 0, 0]])
def test_palette_that_is_read_as_grey_is_refused(data, own_loader, colours):
    palette(data, colours)
    name = own_loader(lambda results: read_with_cv2(results, cv2.IMREAD_GRAYSCALE))
    with pytest.raises(DataError, match=r'labels/3\.png.*colours.*Remedy: '):
        check(data, loader=name)


def test_palette_that_is_decoded_as_colours_is_refused(data):
    palette(data, [0, 0, 0, 128, 0, 0])
    with pytest.raises(DataError, match=r'labels/\d\.png.*colours.*Remedy: '):
        check(data, loader=dict(type='LoadAnnotations', imdecode_backend='cv2'))


def test_colours_that_a_loader_of_the_users_own_turns_into_labels_pass(data, own_loader):
    def read(results):
        results['gt_seg_map'] = np.array(Image.open(results['seg_map_path']).convert('L')) // 255
        return results

    Image.new('RGB', (8, 6), (255, 255, 255)).save(data / 'labels' / '3.png')
    check(data, loader=own_loader(read))


def test_few_label_maps_are_read_of_large_data(data, own_loader):
    read = []

    def note(results):
        read.append(results['seg_map_path'])
        return read_with_cv2(results, cv2.IMREAD_UNCHANGED)

    for i in range(6, 300):
        for name in ('images', 'labels'):
            os.link(data / name / '0.png', data / name / f'{i}.png')
    check(data, loader=own_loader(note))
    assert len(set(read)) == MOST


@pytest.mark.parametrize('content', [b'', b'no picture'])
def test_an_image_that_is_none_is_refused_with_its_name(data, content):
    (data / 'images' / '5.png').write_bytes(content)
    with pytest.raises(DataError, match=r'5\.png.* is damaged, or no picture\. Remedy: copy'):
        check(data)


def test_a_step_that_refuses_sound_label_maps_is_named(data):
    step = dict(type='LoadAnnotations', reduce_zero_label=True)
    with pytest.raises(DataError, match=r'pipeline\[1\]\.reduce_zero_label = True: .*as False'):
        check(data, loader=step)


def test_reading_a_list_prints_nothing(data, capsys):
    with pytest.raises(DataError, match=r'ann_file = .*finds nothing there'):
        (data / 'people.json').write_text('{"images": []')
        dataset = dict(type='mmpose.CocoDataset', data_root=str(data), ann_file='people.json')
        check_data(Config(dict(default_scope='mmpose', model={}, train_dataloader=dict(
            dataset=dataset))), ('train', ))
    assert capsys.readouterr() == ('', '')
