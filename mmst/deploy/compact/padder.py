"""Holds the padded graph while it is written, and the places of the old one's channels."""
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .graph import Graph, Node

#: Layout of a node: for each of its channels the old channel, or None where it is padding.
Layout = list


class Padder:
    """Adds nodes with padded channels to the new graph.

    Args:
        old (Graph): Is padded.
        multiple (int): Of channels.
        widths (Dict[str, int]): Channels of the nodes of ``old``.
        exact (Set[str]): Nodes of ``old`` that are not padded.
    """

    def __init__(self, old: Graph, multiple: int, widths: dict[str, int], exact: set[str]):
        self.new, self.multiple = Graph(old.flatten), multiple
        self.widths, self.exact = widths, exact
        self.layouts: dict[str, Layout] = {}

    def put(self, node: Node, inputs: Sequence[str] | None = None,
            tensors: dict[str, Tensor] | None = None, **changes: Any) -> None:
        """Add a node as it is, but for other inputs, tensors and settings."""
        self.new.nodes[node.name] = Node(
            node.name, node.op, list(node.inputs if inputs is None else inputs),
            dict(node.settings, **changes), dict(node.tensors if tensors is None else tensors))

    def pad_layout(self, node: Node) -> Layout:
        """Return the node's channels with as many more as it is to have."""
        width = self.widths[node.name]
        extra = 0 if node.name in self.exact else -width % self.multiple
        return list(range(width)) + [None] * extra

    def own_layout(self, node: Node) -> Layout:
        """Return the node's own channels."""
        return list(range(self.widths[node.name]))

    def strip(self, name: str) -> str:
        """Return a node of the new graph that gives an old node's channels alone and in order."""
        layout = self.layouts[name]
        if not differs(layout):
            return name
        real = sorted((c, i) for i, c in enumerate(layout) if c is not None)
        return self.new.add('select', f'{name}/strip', name, index=[i for _, i in real])


def differs(layout: Layout) -> bool:
    """Return whether channels are padding, or lie elsewhere than before."""
    return layout != list(range(len(layout)))


def rows(tensor: Tensor, layout: Layout) -> Tensor:
    """Return the tensor's rows as the layout has them; rows of padding are 0."""
    found = tensor.new_zeros(len(layout), *tensor.shape[1:])
    real = [i for i, c in enumerate(layout) if c is not None]
    found[real] = tensor[[layout[i] for i in real]]
    return found
