"""Resizes bilinearly."""
import torch.nn.functional as F

from ....models.hrnas.coordinate_map import GRID
from .checks import MOST_LEVEL, check_whole
from .operation import Operation, size_at


class Resize(Operation):
    """Resizes to a level's size, or to a fixed height and width."""
    settings = ('size', )
    keeps_channels = passes_bias = True

    def check(self, node, inputs) -> None:
        size = node.settings['size']
        if size != [GRID, GRID]:
            check_whole(f'size, unless [{GRID}, {GRID}],', size, 0, MOST_LEVEL)

    def level(self, node, before):
        return node.settings['size']

    def run(self, inputs, settings, size):
        wanted = settings['size']
        wanted = size_at(size, wanted) if isinstance(wanted, int) else tuple(wanted)
        if tuple(inputs[0].shape[-2:]) == wanted:
            return inputs[0]
        return F.interpolate(inputs[0], wanted, mode='bilinear', align_corners=False)
