"""Pictures of segmentation networks' predictions."""
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from PIL import Image

from mmst.lab.gallery import Column, paint, prediction, segmentation_gallery

mmseg_structures = pytest.importorskip('mmseg.structures')
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


class _Data:
    """Two images of 4x4 pixels: 24 of the 32 labelled pixels are class 0, the others class 1."""
    metainfo = dict(classes=('wood', 'stone', 'water'), palette=[RED, GREEN, BLUE])

    def __len__(self):
        return 2

    def __getitem__(self, index):
        labels = torch.zeros(1, 4, 4, dtype=torch.long)
        labels[0, :2] = index
        sample = mmseg_structures.SegDataSample()
        sample.gt_sem_seg = PixelData(data=labels)
        return dict(inputs=torch.zeros(3, 4, 4, dtype=torch.uint8), data_samples=sample)


class _Model(torch.nn.Module):

    def test_step(self, batch):
        for sample in batch['data_samples']:
            sample.pred_sem_seg = PixelData(data=sample.gt_sem_seg.data)
        return batch['data_samples']


def _colours(path):
    return {colour for _, colour in Image.open(path).convert('RGB').getcolors(1 << 24)}


def test_the_gallery_is_a_picture_with_the_colours_of_the_classes(tmp_path):
    segmentation_gallery([Column('ticket', prediction(_Model()))], _Data(), [0, 1],
                         tmp_path / 'g.png', 'title')
    found = _colours(tmp_path / 'g.png')
    assert {RED, GREEN} <= found
    assert BLUE not in found, 'a class that no image has stands in no legend'


def test_each_column_gets_a_picture_and_each_class_that_is_seen_an_entry(tmp_path):
    water = Column('recorded', lambda sample, index: np.full((4, 4), 2))
    segmentation_gallery([water], _Data(), [0], tmp_path / 'one.png')
    segmentation_gallery([water, Column('ticket', prediction(_Model()))], _Data(), [0],
                         tmp_path / 'two.png')
    assert BLUE in _colours(tmp_path / 'one.png')
    widths = [Image.open(tmp_path / f'{name}.png').width for name in ('one', 'two')]
    assert widths[1] == pytest.approx(widths[0] * 4 / 3, abs=2)


class _ManyClasses(_Data):
    metainfo = dict(classes=[f'a long name, number {n}' for n in range(8)],
                    palette=[(20 + 20 * n, 200, 90) for n in range(8)])


def test_the_legend_of_many_classes_lies_within_the_picture(tmp_path):
    rows = Column('all', lambda sample, index: np.arange(16).reshape(4, 4) % 8)
    segmentation_gallery([rows], _ManyClasses(), [0], tmp_path / 'g.png')
    picture = np.array(Image.open(tmp_path / 'g.png').convert('RGB'))
    for edge in (picture[:, 0], picture[:, -1]):
        assert (edge == 255).all(), 'text or colours run over the edge'


def test_pixels_that_do_not_count_are_black():
    palette = np.array([RED, GREEN], np.uint8)
    assert paint(np.array([[1, 255]]), palette).tolist() == [[list(GREEN), [0, 0, 0]]]
