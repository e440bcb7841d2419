"""Images, videos and boxes by their paths."""
import json

import cv2
import numpy as np
import pytest

from mmst.errors import DataError
from mmst.lab.visualize.boxes import Boxes
from mmst.lab.visualize.sources import find_sources, read_image, read_video


@pytest.fixture
def folder(tmp_path):
    for name in ('b.png', 'a.JPG', 'deep/c.bmp'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(cv2.imencode('.png', np.zeros((4, 6, 3), np.uint8))[1])
    (tmp_path / 'notes.txt').write_text('x')
    (tmp_path / 'd.mp4').write_bytes(b'no video')
    return tmp_path


def test_folders_are_looked_through_in_order(folder):
    images, videos = find_sources([str(folder), str(folder / 'b.png')])
    assert [str(path.relative_to(folder)) for path in images] == [
        'a.JPG', 'b.png', 'deep/c.bmp', 'b.png']
    assert [path.name for path in videos] == ['d.mp4']


@pytest.mark.parametrize('name, words', [
    ('none.png', 'no such file'), ('notes.txt', 'neither an image'), ('empty', 'no images and no')])
def test_paths_without_pictures_are_refused(folder, name, words):
    (folder / 'empty').mkdir()
    with pytest.raises(DataError, match=f'--images .*{name}: {words}.* Remedy: '):
        find_sources([str(folder / name)])


@pytest.mark.parametrize('content', [b'', b'no image'])
def test_damaged_images_are_refused(tmp_path, content):
    (tmp_path / 'x.png').write_bytes(content)
    with pytest.raises(DataError, match=r'x.png: cannot be read as an image'):
        read_image(tmp_path / 'x.png')


def test_damaged_videos_are_refused(folder):
    with pytest.raises(DataError, match=r'd.mp4: cannot be read as a video'):
        read_video(folder / 'd.mp4')


def write(path, *entries):
    path.write_text(json.dumps(list(entries)))
    return str(path)


def box(image_id, **more):
    return dict(image_id=image_id, bbox=[1, 2, 10, 20], category_id=1, score=0.9, **more)


@pytest.mark.parametrize('image_id', [139, '139', '000000000139'])
def test_boxes_are_found_by_number_or_name(tmp_path, image_id):
    boxes = Boxes(write(tmp_path / 'b.json', box(image_id), dict(box('x'), bbox=[0, 0, 2, 2])))
    assert boxes.of_image(tmp_path / '000000000139.jpg').tolist() == [[1, 2, 11, 22]]
    assert boxes.of_image(tmp_path / 'x.png').tolist() == [[0, 0, 2, 2]]
    assert boxes.of_frame(139).shape == (1, 4) and boxes.of_frame(0).shape == (0, 4)


def test_weak_detections_and_other_things_are_left_out(tmp_path):
    boxes = Boxes(write(tmp_path / 'b.json', dict(box(1), score=0.2), dict(box(1), category_id=3)))
    with pytest.raises(DataError, match=r'no box of a person for 1.png. Remedy: add one with'):
        boxes.of_image(tmp_path / '1.png')


@pytest.mark.parametrize('text, words', [
    (None, 'no such file'), ('{', 'cannot be read'), ('{}', 'holds no list'),
    ('[{"image_id": 1}]', 'is no detection'),
    ('[{"image_id": 1, "bbox": [1, 2]}]', 'is no detection'),
    ('[7]', 'is no detection')])
def test_files_that_hold_no_boxes_are_refused(tmp_path, text, words):
    path = tmp_path / 'b.json'
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=f'{words}.*Remedy: give a list of'):
        Boxes(str(path))
