"""Puts the channels of several maps after one another."""
import torch

from ..channels import Channels
from ..writer import Part
from .checks import MOST_INPUTS, check_same
from .operation import Operation


class Concat(Operation):
    """Concatenates along the channels."""
    reads = (1, MOST_INPUTS)

    def width(self, node, inputs) -> int:
        return sum(inputs)

    def check(self, node, inputs) -> None:
        for shape in inputs[1:]:
            check_same('the size of an input', shape.level, inputs[0].level)

    def channels(self, node, inputs) -> Channels:
        return Channels.concatenate(inputs)

    def ask(self, node, wanted, inputs) -> list:
        return list(wanted.split([len(known) for known in inputs]))

    def write(self, node, kind, wanted, writer) -> Part:
        names, index, start = [], [], 0
        for source in node.inputs:
            part = writer.parts[kind][source]
            if part:
                names.append(part.name)
                index += [start + c for c in part.index]
            start += len(writer.known.channels[source])
        name = names[0] if len(names) == 1 else writer.make(node.op, node.name, *names)
        return Part(name, index)

    def pad(self, node, padder) -> list:
        padder.put(node)
        found, start = [], 0
        for name in node.inputs:
            found += [None if c is None else start + c for c in padder.layouts[name]]
            start += padder.widths[name]
        return found

    def run(self, inputs, settings, size):
        # Maps that do not depend on the image have a batch of one.
        count = max(x.shape[0] for x in inputs)
        return torch.cat([x.expand(count, -1, -1, -1) for x in inputs], dim=1)
