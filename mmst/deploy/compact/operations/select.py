"""Selects channels, in any order."""
import torch

from ..channels import Channels
from ..take import take
from ..writer import Part
from .checks import check_places
from .operation import Operation


class Select(Operation):
    """Takes the input's channel ``index[j]`` as channel j."""
    settings = ('index', )

    def width(self, node, inputs) -> int:
        return len(node.settings['index'])

    def check(self, node, inputs) -> None:
        check_places('index', node.settings['index'], inputs[0].channels)

    def channels(self, node, inputs) -> Channels:
        return inputs[0].select(node.settings['index'])

    def ask(self, node, wanted, inputs) -> list:
        asked = torch.zeros(len(inputs[0]), dtype=torch.bool)
        asked[torch.tensor(node.settings['index'])[wanted]] = True
        return [asked]

    def write(self, node, kind, wanted, writer) -> Part:
        index = [node.settings['index'][c] for c in wanted]
        return Part(writer.take(writer.parts[kind][node.inputs[0]], index).name, wanted)

    def pad(self, node, padder) -> list:
        place = {c: i for i, c in enumerate(padder.layouts[node.inputs[0]])}
        padder.put(node, index=[place[c] for c in node.settings['index']])
        return padder.own_layout(node)

    def run(self, inputs, settings, size):
        return take(inputs[0], settings['index'])
