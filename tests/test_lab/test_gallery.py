"""Pictures and reference figures of segmentation data."""
import pytest
import torch
from mmengine.structures import PixelData
from PIL import Image

from mmst.lab.chance import majority_miou
from mmst.lab.gallery import segmentation_gallery

mmseg_structures = pytest.importorskip('mmseg.structures')


class _Data:
    """Two images of 4x4 pixels: 24 of the 32 labelled pixels are class 0, the others class 1."""
    metainfo = dict(palette=[[255, 0, 0], [0, 255, 0]])

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


def test_majority_miou_is_the_majority_share_over_the_classes_that_occur():
    assert majority_miou(_Data(), 19) == pytest.approx(100 * 24 / 32 / 2)


def test_the_gallery_is_a_picture_with_the_colours_of_the_classes(tmp_path):
    segmentation_gallery(_Model(), _Data(), [0, 1], tmp_path / 'g.png', 'title')
    colours = {
        colour
        for _, colour in Image.open(tmp_path / 'g.png').convert('RGB').getcolors(1 << 24)
    }
    assert {(255, 0, 0), (0, 255, 0)} <= colours
