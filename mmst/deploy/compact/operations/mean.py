"""Pools by global averages."""
from ..writer import POOLED
from .operation import Operation


class Mean(Operation):
    """Averages over all positions."""
    keeps_channels = passes_bias = True

    def level(self, node, before):
        return list(POOLED)

    def run(self, inputs, settings, size):
        return inputs[0].mean((2, 3), keepdim=True)
