"""Describes an operation to compaction."""
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..channels import UNIFORM, Channels
from ..graph import Node
from ..padder import Layout, Padder
from ..writer import Part, Writer
from .checks import Shape, check_alike

#: Height and width in pixels.
Size = tuple[int, int]


class Operation:
    """Describes one kind of operation: its shape, effect on constants, writing and computing.

    These defaults are those of an operation on each channel by itself, without weights, such as a
    ReLU. To add an operation, derive a class in a file of its own and name it in ``OPERATIONS``.

    Attributes:
        settings (Sequence[str]): Names of its settings, as ``Node.settings`` and files have them.
        reads (Tuple[int, int]): The least and the largest number of its inputs.
        has_inputs (bool): False for maps that are there from the start.
        has_weights (bool): Whether a :meth:`module` computes it.
        is_image (bool): Whether it is the network's input.
        keeps_channels (bool): Whether each channel is made of the same channel of each input.
        passes_bias (bool): Whether a number added to a channel before it is added behind it, too,
            and zeros stay zeros.
        has_bias (bool): Whether it adds a number to each channel and can have rows of zeros.
        counts_channels (bool): Whether a channel of zeros among its inputs changes its output.
    """
    settings: Sequence[str] = ()
    reads: tuple[int, int] = (1, 1)
    has_inputs = True
    has_weights = False
    is_image = False
    keeps_channels = False
    passes_bias = False
    has_bias = False
    counts_channels = False

    # --------------------------------------------------------------------------- structure

    def width(self, node: Node, inputs: Sequence[int]) -> int:
        """Return channels of its output, from those of its inputs."""
        return inputs[0]

    def level(self, node: Node, before: int | list[int]) -> int | list[int]:
        """Return halvings of its height and width, or their fixed numbers; ``before``: of its
        input.
        """
        return before

    def check(self, node: Node, inputs: Sequence[Shape]) -> None:
        """Refuse settings and weights that do not fit each other or the inputs.

        Args:
            node (Node): As a file describes it; its weights have their shapes.
            inputs (Sequence[Shape]): Shapes of its inputs, as many as it ``reads``.

        Raises:
            ValueError: In a sentence without the node's name.
        """
        check_alike(inputs)

    # ---------------------------------------------------------------------------- analysis

    def channels(self, node: Node, inputs: Sequence[Channels]) -> Channels:
        """Return the known facts of its channels, from its inputs'."""
        return inputs[0]

    def ask(self, node: Node, wanted: Tensor, inputs: Sequence[Channels]) -> list[Tensor]:
        """Return bool tensors, one an input: channels on which its channels ``wanted`` (bool)
        depend.
        """
        return [wanted for _ in inputs]

    def reduce(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return its weights without the dead parts."""
        return tensors

    # --------------------------------------------------------------------------- rewriting

    def write(self, node: Node, kind: int, wanted: list[int], writer: Writer) -> Part:
        """Write its channels ``wanted``, which are of that kind; at least one."""
        part = writer.take(writer.parts[kind][node.inputs[0]], wanted,
                           writer.with_zeros(node.name, kind, wanted))
        return Part(writer.make(node.op, node.name, part.name, **node.settings), part.index)

    def pad(self, node: Node, padder: Padder) -> Layout:
        """Write it with padded channels; returns where its channels are then."""
        padder.put(node)
        return padder.layouts[node.inputs[0]] if node.inputs else padder.own_layout(node)

    # --------------------------------------------------------------------------- computing

    def store(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights that a network keeps."""
        return dict(tensors)

    def restore(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return all weights, from those that a network keeps."""
        return tensors

    def module(self, node: Node, width: int, static: bool) -> nn.Module | None:
        """Return a layer of one input with weights of the node's shapes; None: :meth:`run` computes
        it.

        Args:
            node (Node): Of a network to be built.
            width (int): Channels of its input.
            static (bool): Whether it does not depend on the image.
        """
        return None

    def run(self, inputs: Sequence[Tensor], settings: Mapping[str, Any], size: Size) -> Tensor:
        """Compute it without weights.

        Args:
            inputs (Sequence[Tensor]): Its inputs; where it has none, the image, or a tensor of
                its type and device.
            settings (Mapping[str, Any]): The node's.
            size (Tuple[int, int]): Of the image.
        """
        raise NotImplementedError


def where_uniform(kind: Tensor, value: Tensor) -> Tensor:
    """Return ``value`` for the uniform channels, 0 for others."""
    return torch.where(kind == UNIFORM, value, 0.)


def size_at(size: Size, level: int) -> Size:
    """Return the height and width after ``level`` halvings that round up."""
    height, width = size
    return -(-height // 2**level), -(-width // 2**level)
