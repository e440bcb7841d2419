"""Makes the Transformers' coordinate map."""
from ....models.hrnas.coordinate_map import GRID, coordinate_map
from ..channels import EDGE, Channels, of_kind
from ..writer import Part
from .operation import Operation


class Coordinates(Operation):
    """Makes two channels of fixed size that grow along the columns and down the rows."""
    reads = (0, 0)
    has_inputs = False

    def width(self, node, inputs) -> int:
        return 2

    def level(self, node, before):
        return [GRID, GRID]

    def channels(self, node, inputs) -> Channels:
        return of_kind(2, EDGE)

    def write(self, node, kind, wanted, writer) -> Part:
        return Part(writer.make(node.op, node.name), [0, 1])

    def run(self, inputs, settings, size):
        return coordinate_map().to(inputs[0])
