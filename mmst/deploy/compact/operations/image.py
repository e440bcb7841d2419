"""Stands for the network's input."""
from ..channels import LIVE, Channels, of_kind
from ..writer import Part
from .checks import MOST_CHANNELS, check_whole
from .operation import Operation


class Image(Operation):
    """Stands for the image: all of its channels stay, since the network is called with them."""
    settings = ('channels', )
    reads = (0, 0)
    has_inputs = False
    is_image = True

    def width(self, node, inputs) -> int:
        return node.settings['channels']

    def check(self, node, inputs) -> None:
        check_whole('channels', node.settings['channels'], 1, MOST_CHANNELS)

    def channels(self, node, inputs) -> Channels:
        return of_kind(node.settings['channels'], LIVE)

    def write(self, node, kind, wanted, writer) -> Part:
        writer.make(node.op, node.name, **node.settings)
        return Part(node.name, list(range(node.settings['channels'])))

    def run(self, inputs, settings, size):
        return inputs[0]
