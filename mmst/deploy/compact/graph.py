"""A network as a list of few kinds of operations, with its weights: what compaction works on."""
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...errors import TicketError
from ...models.hrnas.lightweight_transformer import GRID

#: Operation to the names of its settings. Feature maps are (N, channels, H, W) throughout.
OPERATIONS = {
    'image': ('channels', ),  # the input
    'ones': ('level', ),  # one channel of ones
    'coordinates': (),  # the Transformers' coordinate map, 2 channels
    'conv': ('stride', 'padding', 'groups'),
    'relu': (),
    'add': (),
    'concat': (),
    'resize': ('size', ),  # bilinear; size is a level or [height, width]
    'upsample': ('level', ),  # x2 nearest, then bilinear where sizes do not meet
    'mean': (),  # over the positions
    'place': ('index', 'channels'),  # input channel j becomes channel index[j]; the others are 0
    'select': ('index', ),  # channel j is the input's channel index[j]
    'bias': (),  # adds a number to each channel
    # A Transformer's two layers, on tokens.
    'mixer': ('tokens', 'encoder_rows', 'decoder_rows', 'scale'),
}
SOURCES = ('image', 'ones', 'coordinates')
#: Of the plain form. In version 1, which names none, the coordinates' channels are swapped.
VERSION = 2


@dataclass
class Node:
    """One operation.

    Attributes:
        name (str): Path of the block and part that it comes from, by slashes.
        op (str): A key of ``OPERATIONS``.
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
    """Nodes in an order in which they can be computed, and which of them are the outputs.

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
        """Node to the nodes that read it; outputs count as read by ``''``."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self:
            for source in node.inputs:
                found[source].append(node.name)
        for name in self.outputs:
            found[name].append('')
        return found

    def static(self) -> dict[str, bool]:
        """Which nodes do not depend on the image."""
        found: dict[str, bool] = {}
        for node in self:
            found[node.name] = (node.op != 'image' if node.op in SOURCES else
                                all(found[name] for name in node.inputs))
        return found

    def widths(self) -> dict[str, int]:
        """Channels of every node."""
        found: dict[str, int] = {}
        for node in self:
            found[node.name] = _width(node, found)
        return found

    def levels(self) -> dict[str, int | list[int]]:
        """How often each map's height and width are halved, rounding up; or its fixed size."""
        found: dict[str, int | list[int]] = {}
        for node in self:
            before = found[node.inputs[0]] if node.inputs else 0
            if node.op in ('ones', 'upsample'):
                before = node.settings['level']
            elif node.op == 'resize':
                before = node.settings['size']
            elif node.op == 'conv' and isinstance(before, int):
                before += node.settings['stride'] == 2
            elif node.op == 'mean':
                before = [1, 1]
            elif node.op == 'coordinates':
                before = [GRID, GRID]
            found[node.name] = before
        return found

    def sweep(self) -> 'Graph':
        """Drop, in place, what no output needs."""
        needed = set(self.outputs)
        for node in reversed(list(self)):
            if node.name in needed:
                needed.update(node.inputs)
        self.nodes = {name: node for name, node in self.nodes.items() if name in needed}
        return self

    def to_dict(self) -> dict[str, Any]:
        """The architecture without its weights, as plain data."""
        nodes = [dict(name=n.name, op=n.op, inputs=list(n.inputs), **n.settings,
                      **({'shapes': {k: list(t.shape) for k, t in n.tensors.items()}}
                         if n.tensors else {})) for n in self]
        return dict(version=VERSION, nodes=nodes, outputs=list(self.outputs), flatten=self.flatten)

    def form(self) -> list[Any]:
        """The architecture without names: equal for networks that differ in names and weights."""
        number = {name: i for i, name in enumerate(self.nodes)}
        return [(n.op, [number[x] for x in n.inputs], n.settings,
                 {k: tuple(t.shape) for k, t in n.tensors.items()}) for n in self
                ] + [number[name] for name in self.outputs]

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> 'Graph':
        """A graph of :meth:`to_dict`'s form; its weights are 0.

        Raises:
            TicketError: It is no such graph; the message names the node.
        """
        graph = cls()
        try:
            graph.flatten = bool(data['flatten'])
            swapped: dict[str, str] = {}
            for entry in data['nodes']:
                _check_entry(entry, graph.nodes)
                tensors = {k: torch.zeros(list(shape))
                           for k, shape in entry.get('shapes', {}).items()}
                settings = {key: entry[key] for key in OPERATIONS[entry['op']]}
                inputs = [swapped.get(name, name) for name in entry['inputs']]
                name = graph.add(entry['op'], entry['name'], *inputs, tensors=tensors, **settings)
                if entry['op'] == 'coordinates' and _version(data) < 2:
                    swapped[name] = graph.add('select', f'{name}/swapped', name, index=[1, 0])
            graph.outputs = [swapped.get(name, name) for name in data['outputs']]
            if not graph.outputs or not set(graph.outputs) <= set(graph.nodes):
                raise ValueError('its outputs are not among its nodes')
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise TicketError(f'the graph of a compacted network is broken: {error}. Remedy: '
                              'compact the ticket anew with tools/compact.py.') from None
        return graph


def plain_list(index: Sequence[int]) -> list[int]:
    """Whole numbers as a list, from any sequence or tensor."""
    return [int(i) for i in index]


def _width(node: Node, widths: Mapping[str, int]) -> int:
    if node.op in ('image', 'place'):
        return node.settings['channels']
    if node.op in ('ones', 'coordinates'):
        return dict(ones=1, coordinates=2)[node.op]
    if node.op == 'conv':
        return node.tensors['weight'].shape[0]
    if node.op == 'concat':
        return sum(widths[name] for name in node.inputs)
    if node.op == 'select':
        return len(node.settings['index'])
    if node.op == 'mixer':
        return len(node.settings['decoder_rows'])
    return widths[node.inputs[0]]


def _version(data: Mapping[str, Any]) -> int:
    version = data.get('version', 1)
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise ValueError(f'its version is {version!r}, and this mmst reads up to {VERSION}')
    return version


def _check_entry(entry: Mapping[str, Any], known: Mapping[str, Node]) -> None:
    name, op, inputs = entry['name'], entry['op'], entry['inputs']
    if op not in OPERATIONS:
        raise ValueError(f'{name} has the unknown operation {op!r}')
    if not isinstance(name, str) or name in known or not set(inputs) <= set(known):
        raise ValueError(f'{name} is there twice, or reads what is not there before it')
    if (op in SOURCES) != (not inputs):
        raise ValueError(f'{name} has {len(inputs)} inputs')
