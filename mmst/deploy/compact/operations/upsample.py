"""Enlarges a map to twice its size."""
import torch

from ....models.hrnas.fusion_module import upsample_to
from .operation import Operation, size_at


class Upsample(Operation):
    """Enlarges x2 (nearest), then resizes (bilinear) where sizes do not meet."""
    settings = ('level', )
    keeps_channels = passes_bias = True

    def level(self, node, before):
        return node.settings['level']

    def run(self, inputs, settings, size):
        return upsample_to(inputs[0], torch.Size(size_at(size, settings['level'])))
