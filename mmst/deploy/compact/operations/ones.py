"""Makes one channel of ones."""
import torch

from ..channels import Channels, uniform
from .operation import Operation, size_at


class Ones(Operation):
    """Makes a map of ones. It is uniform, and so the writer makes it only where borders need it."""
    settings = ('level', )
    has_inputs = False

    def width(self, node, inputs) -> int:
        return 1

    def level(self, node, before):
        return node.settings['level']

    def channels(self, node, inputs) -> Channels:
        return uniform(torch.ones(1))

    def run(self, inputs, settings, size):
        return inputs[0].new_ones(1, 1, *size_at(size, settings['level']))
