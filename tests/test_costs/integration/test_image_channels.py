"""Channels of the images of a network, where its first convolution does not tell."""
import pytest
import torch
from mmengine.model import BaseDataPreprocessor, ImgDataPreprocessor
from torch import nn

from mmst.costs.cost import image_channels, layer_costs


class Focus(nn.Module):
    """Every second row and column next to each other, as in YOLOX."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(12, 8, 3, padding=1)

    def forward(self, x):
        return self.conv(torch.cat([x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)], 1))


def test_a_convolution_of_rearranged_pixels_does_not_count():
    model = nn.Sequential(Focus(), nn.Conv2d(8, 4, 1))
    assert image_channels(model) == 3
    assert sum(cost.macs for cost in layer_costs(model, (16, 16))) == 64 * (12 * 9 * 8 + 8 * 4)


@pytest.mark.parametrize('preprocessor, channels', [
    (ImgDataPreprocessor([0.] * 3, [1.] * 3), 3), (ImgDataPreprocessor([0.], [1.]), 5),
    (BaseDataPreprocessor(), 5)])
def test_the_preprocessor_knows_best_and_else_the_first_convolution(preprocessor, channels):
    model = nn.Module()
    model.data_preprocessor, model.conv = preprocessor, nn.Conv2d(5, 2, 1)
    assert image_channels(model) == channels
