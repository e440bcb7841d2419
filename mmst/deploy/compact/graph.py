"""Describes a network as a list of few kinds of operations, with its weights, for compaction."""
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class Node:
    """Is one operation of a network. Feature maps are (N, channels, H, W) throughout.

    Attributes:
        name (str): Path of the block and part that it comes from, by slashes.
        op (str): A key of ``operations.OPERATIONS``.
        inputs (List[str]): Names of nodes before it.
        settings (Dict[str, Any]): Plain data.
        tensors (Dict[str, Tensor]): Weights by name.
    """
    name: str
    op: str
    inputs: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)


class Graph:
    """Holds nodes in an order in which they can be computed, and says which of them are outputs.

    Args:
        flatten (bool): Whether the outputs, single numbers a channel, lose height and width.
    """

    def __init__(self, flatten: bool = False):
        self.nodes: dict[str, Node] = {}
        self.outputs: list[str] = []
        self.flatten = flatten

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def add(self, op: str, name: str, *inputs: str, tensors: dict[str, Tensor] | None = None,
            **settings: Any) -> str:
        """Append a node and return its name, which gets a number where it is taken."""
        base, number = name, 2
        while name in self.nodes:
            name, number = f'{base}~{number}', number + 1
        self.nodes[name] = Node(name, op, list(inputs), settings, dict(tensors or {}))
        return name

    def consumers(self) -> dict[str, list[str]]:
        """Return each node's readers by its name; outputs count as read by ``''``."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self:
            for source in node.inputs:
                found[source].append(node.name)
        for name in self.outputs:
            found[name].append('')
        return found

    def drop_unread(self) -> 'Graph':
        """Drop nodes that no output needs, in place."""
        needed = set(self.outputs)
        for node in reversed(list(self)):
            if node.name in needed:
                needed.update(node.inputs)
        self.nodes = {name: node for name, node in self.nodes.items() if name in needed}
        return self

    def form(self) -> list[Any]:
        """Return the architecture without names: equal for networks that differ in names and
        weights.
        """
        number = {name: i for i, name in enumerate(self.nodes)}
        return [(n.op, [number[x] for x in n.inputs], n.settings,
                 {k: tuple(t.shape) for k, t in n.tensors.items()}) for n in self
                ] + [number[name] for name in self.outputs]


def whole_numbers(index: Iterable[Any]) -> list[int]:
    """Return whole numbers as a list, from any sequence or tensor."""
    return [int(i) for i in index]


def positions(marks: Tensor) -> list[int]:
    """Return positions at which a 1-D bool tensor is True."""
    return whole_numbers(marks.nonzero().flatten())
