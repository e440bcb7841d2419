"""Enlarges a map to twice its size."""
import torch

from ....models.hrnas.fusion_module import upsample_to
from .checks import MOST_LEVEL, check_same, check_whole
from .operation import Operation, size_at


class Upsample(Operation):
    """Enlarges x2 (nearest), then resizes (bilinear) where sizes do not meet."""
    settings = ('level', )
    keeps_channels = passes_bias = True

    def check(self, node, inputs) -> None:
        level, before = node.settings['level'], inputs[0].level
        check_whole('level', level, 0, MOST_LEVEL)
        check_same('the level of its input', before, level + 1)

    def level(self, node, before):
        return node.settings['level']

    def run(self, inputs, settings, size):
        return upsample_to(inputs[0], torch.Size(size_at(size, settings['level'])))
