"""Spreads channels among channels of zeros."""
import torch

from ..channels import Channels
from ..take import put
from ..writer import Part
from .checks import MOST_CHANNELS, check_places, check_same, check_whole
from .operation import Operation


class Place(Operation):
    """Puts input channel j at channel ``index[j]`` of ``channels``; the others are 0."""
    settings = ('index', 'channels')

    def width(self, node, inputs) -> int:
        return node.settings['channels']

    def check(self, node, inputs) -> None:
        index, channels = node.settings['index'], node.settings['channels']
        check_whole('channels', channels, 1, MOST_CHANNELS)
        check_places('index', index, channels)
        check_same('the number of different channels in index', len(set(index)), len(index))
        check_same('the length of index', len(index), inputs[0].channels)

    def channels(self, node, inputs) -> Channels:
        return inputs[0].place(node.settings['index'], node.settings['channels'])

    def ask(self, node, wanted, inputs) -> list:
        return [wanted[torch.tensor(node.settings['index'])]]

    def write(self, node, kind, wanted, writer) -> Part:
        index = [node.settings['index'].index(c) for c in wanted]
        return Part(writer.take(writer.parts[kind][node.inputs[0]], index).name, wanted)

    def pad(self, node, padder) -> list:
        padded = padder.pad_layout(node)
        padder.put(node, [padder.strip(node.inputs[0])], channels=len(padded))
        return padded

    def run(self, inputs, settings, size):
        return put(inputs[0], settings['index'], settings['channels'])
