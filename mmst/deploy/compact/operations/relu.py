"""Applies ReLU."""
import torch
import torch.nn.functional as F

from ..channels import EDGE, UNIFORM, Channels
from .operation import Operation


class ReLU(Operation):
    """Computes max(x, 0); a map that is never above 0 becomes the constant 0."""
    keeps_channels = True

    def channels(self, node, inputs) -> Channels:
        x = inputs[0]
        off = (x.kind == EDGE) & (x.high <= 0)
        return Channels(torch.where(off, UNIFORM, x.kind), x.value.clamp(min=0),
                        x.high.clamp(min=0))

    def run(self, inputs, settings, size):
        return F.relu(inputs[0])
