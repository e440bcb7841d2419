"""Makes one channel of ones."""
import torch

from ..channels import Channels, uniform
from .checks import MOST_LEVEL, check_whole
from .operation import Operation, size_at


class Ones(Operation):
    """Makes a map of ones. It is uniform, and so the writer makes it only where borders need it."""
    settings = ('level', )
    reads = (0, 0)
    has_inputs = False

    def width(self, node, inputs) -> int:
        return 1

    def level(self, node, before):
        return node.settings['level']

    def check(self, node, inputs) -> None:
        check_whole('level', node.settings['level'], 0, MOST_LEVEL)

    def channels(self, node, inputs) -> Channels:
        return uniform(torch.ones(1))

    def run(self, inputs, settings, size):
        return inputs[0].new_ones(1, 1, *size_at(size, settings['level']))
