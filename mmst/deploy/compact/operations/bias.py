"""Adds a number to each channel."""
from torch import Tensor, nn

from ..channels import Channels
from ..padder import rows
from ..writer import Part
from .checks import check_same
from .operation import Operation, where_uniform


class Bias(Operation):
    """Adds its tensor ``bias``; rewriting moves it into a convolution where it can."""
    has_weights = keeps_channels = True

    def check(self, node, inputs) -> None:
        check_same('the shape of bias', {k: list(t.shape) for k, t in node.tensors.items()},
                   dict(bias=[inputs[0].channels]))

    def channels(self, node, inputs) -> Channels:
        x, bias = inputs[0], node.tensors['bias'].double()
        return Channels(x.kind, where_uniform(x.kind, x.value + bias), x.high + bias)

    def write(self, node, kind, wanted, writer) -> Part:
        part = writer.take(writer.parts[kind][node.inputs[0]], wanted)
        return writer.add_numbers(part, {c: float(node.tensors['bias'][c]) for c in wanted})

    def pad(self, node, padder) -> list:
        layout = padder.layouts[node.inputs[0]]
        padder.put(node, tensors=dict(bias=rows(node.tensors['bias'], layout)))
        return layout

    def module(self, node, width, static) -> nn.Module:
        return ChannelBias(node.tensors['bias'])


class ChannelBias(nn.Module):
    """Adds a number to each channel."""

    def __init__(self, bias: Tensor):
        super().__init__()
        self.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias[:, None, None]
