"""The compacted network as a backbone."""
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...errors import TicketError
from ...models.hrnas.fusion_module import upsample_to
from ...models.hrnas.lightweight_transformer import coordinate_map
from ...registry import MODELS
from .graph import Graph, Node
from .token_mixer import TokenMixer

#: Input sizes for which the maps that do not depend on the image are kept.
REMEMBERED = 4


@MODELS.register_module()
class CompactNetwork(BaseModule):
    """Backbone and neck of a ticket, compacted, in place of both (``tools/compact.py``).

    What does not depend on the image is computed once for each input size.

    Args:
        graph (str | Mapping): The architecture, as ``Graph.to_dict`` gives it, or that as JSON:
            mmengine takes minutes to write so long a config any other way.
        channels_last (bool): Memory format of the feature maps. Defaults to True.
        init_cfg (dict, optional): Defaults to None.

    Shape:
        (N, channels, H, W) to a tuple of maps, those of the network that was compacted.
    """

    #: For the count of costs: the first image of a size costs more than the others.
    computes_once = True

    def __init__(self, graph: str | Mapping[str, Any], channels_last: bool = True,
                 init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self._set_graph(Graph.from_plain(_read(graph)))
        self.channels_last = channels_last

    @classmethod
    def of(cls, graph: Graph, channels_last: bool = True) -> 'CompactNetwork':
        """A network with the weights of ``graph``, in their precision; in eval mode."""
        graph = _without_zero_biases(graph)
        network = cls(graph.to_dict(), channels_last)
        tensors = {f'{n.name}.{k}': t for n in graph for k, t in n.tensors.items()}
        dtype = next((t.dtype for t in tensors.values()), None)
        network.to(dtype).nodes.load_state_dict(tensors)
        return network.eval()

    def to_graph(self) -> Graph:
        """The graph with this network's weights (copies)."""
        graph = Graph.from_plain(self.architecture)
        for node in graph:
            if node.tensors:
                state = self.nodes[node.name].state_dict()
                node.tensors = {k: state[k].detach().clone() for k in node.tensors}
            if node.op == 'conv' and 'bias' not in node.tensors:
                node.tensors['bias'] = torch.zeros_like(node.tensors['weight'][:, 0, 0, 0])
        return graph

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        size = tuple(x.shape[-2:])
        values = dict(self._static_maps(x, size))
        for node in self._dynamic:
            values[node.name] = x if node.op == 'image' else self._compute(node, values, size)
            for name in self._last_use.get(node.name, ()):
                values.pop(name, None)
        outputs = [values[name].expand(x.shape[0], -1, -1, -1) for name in self._outputs]
        return tuple(out.flatten(1) if self._flatten else out for out in outputs)

    def freeze(self, size: tuple[int, int]) -> None:
        """Turn the maps that do not depend on the image into constants for one input size.

        For export. Rows and columns that repeat are stored once.
        """
        like = next((p for p in self.parameters()), torch.zeros(()))
        with torch.no_grad():
            maps = self._compute_static(like.new_zeros(1, 1, 1, 1), tuple(size))
        self.frozen = nn.ModuleDict({name: StaticMap(value) for name, value in maps.items()})

    def train(self, mode: bool = True) -> 'CompactNetwork':
        self._maps.clear()
        return super().train(mode)

    def _set_graph(self, graph: Graph) -> None:
        static, widths = graph.static(), graph.widths()
        self.architecture = graph.to_dict()
        self.nodes = nn.ModuleDict()
        self.frozen: nn.ModuleDict | None = None
        for node in graph:
            if node.tensors:
                source = widths[node.inputs[0]]
                self.nodes[node.name] = _module(node, source, static[node.name])
                node.tensors = {}
        self._flatten = graph.flatten
        self._outputs = list(graph.outputs)
        self._dynamic = [n for n in graph if not static[n.name]]
        self._static = [n for n in graph if static[n.name]]
        read = {name for n in self._dynamic for name in n.inputs} | set(graph.outputs)
        self._borders = [n.name for n in self._static if n.name in read]
        self._last_use = _last_uses(self._dynamic, graph.outputs)
        self._maps: OrderedDict[tuple, dict[str, Tensor]] = OrderedDict()

    def _static_maps(self, x: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        if self.frozen is not None:
            return {name: constant() for name, constant in self.frozen.items()}
        if not self._static:
            return {}
        if torch.is_grad_enabled() or self.training:
            return self._compute_static(x, size)
        key = (size, x.dtype, x.device)
        if key not in self._maps:
            self._maps[key] = self._compute_static(x, size)
            while len(self._maps) > REMEMBERED:
                self._maps.popitem(last=False)
        return self._maps[key]

    def _compute_static(self, x: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        for node in self._static:
            if node.op == 'ones':
                values[node.name] = x.new_ones(1, 1, *_at(size, node.settings['level']))
            elif node.op == 'coordinates':
                values[node.name] = coordinate_map().to(x)
            else:
                values[node.name] = self._compute(node, values, size)
        return {name: values[name] for name in self._borders}

    def _compute(self, node: Node, values: Mapping[str, Tensor], size: tuple[int, int]) -> Tensor:
        inputs = [values[name] for name in node.inputs]
        if node.name in self.nodes:
            return self.nodes[node.name](inputs[0])
        return _FUNCTIONS[node.op](inputs, node.settings, size)

    def _load_from_state_dict(self, *args):
        """Maps of other weights are forgotten."""
        self._maps.clear()
        super()._load_from_state_dict(*args)


class StaticConv(nn.Module):
    """A convolution of maps that do not depend on the image: it costs nothing per image."""

    def __init__(self, weight: Tensor, bias: Tensor | None, **settings: int):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias) if bias is not None else None
        self.settings = settings

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, **self.settings)


class ChannelBias(nn.Module):
    """Adds a number to each channel."""

    def __init__(self, bias: Tensor):
        super().__init__()
        self.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias[:, None, None]


class StaticMap(nn.Module):
    """A constant map, its repeated rows and columns stored once."""

    def __init__(self, value: Tensor):
        super().__init__()
        value, rows = value.detach().unique_consecutive(return_inverse=True, dim=2)
        value, columns = value.unique_consecutive(return_inverse=True, dim=3)
        self.register_buffer('table', value)
        self.register_buffer('rows', rows)
        self.register_buffer('columns', columns)

    def forward(self) -> Tensor:
        return self.table.index_select(2, self.rows).index_select(3, self.columns)


def _add(inputs, settings, size) -> Tensor:
    total = inputs[0] + inputs[1]
    for x in inputs[2:]:
        total = total + x
    return total


def _concat(inputs, settings, size) -> Tensor:
    # Maps that do not depend on the image have a batch of one.
    count = max(x.shape[0] for x in inputs)
    return torch.cat([x.expand(count, -1, -1, -1) for x in inputs], dim=1)


def _resize(inputs, settings, size) -> Tensor:
    wanted = settings['size']
    wanted = _at(size, wanted) if isinstance(wanted, int) else tuple(wanted)
    if tuple(inputs[0].shape[-2:]) == wanted:
        return inputs[0]
    return F.interpolate(inputs[0], wanted, mode='bilinear', align_corners=False)


def _place(inputs, settings, size) -> Tensor:
    x = inputs[0]
    order = [len(settings['index'])] * settings['channels']
    for j, channel in enumerate(settings['index']):
        order[channel] = j
    padded = torch.cat([x, x.new_zeros(x.shape[0], 1, *x.shape[2:])], dim=1)
    return padded.index_select(1, torch.tensor(order, device=x.device))


def _select(inputs, settings, size) -> Tensor:
    return inputs[0].index_select(1, torch.tensor(settings['index'], device=inputs[0].device))


_FUNCTIONS = dict(
    relu=lambda inputs, settings, size: F.relu(inputs[0]),
    add=_add, concat=_concat, resize=_resize, place=_place, select=_select,
    upsample=lambda inputs, settings, size: upsample_to(
        inputs[0], torch.Size(_at(size, settings['level']))),
    mean=lambda inputs, settings, size: inputs[0].mean((2, 3), keepdim=True))


def _module(node: Node, width: int, static: bool) -> nn.Module:
    if node.op == 'bias':
        return ChannelBias(node.tensors['bias'])
    if node.op == 'mixer':
        shapes = {name: tuple(t.shape) for name, t in node.tensors.items()}
        settings = {key: v for key, v in node.settings.items() if key != 'tokens'}
        return TokenMixer(shapes, **settings)
    weight, bias = node.tensors['weight'], node.tensors.get('bias')
    if static:
        return StaticConv(weight, bias, **node.settings)
    conv = nn.Conv2d(width, weight.shape[0], tuple(weight.shape[2:]), bias=bias is not None,
                     **node.settings)
    if conv.weight.shape != weight.shape:
        raise ValueError(f'{node.name} does not fit its input')
    return conv


def _without_zero_biases(graph: Graph) -> Graph:
    new = Graph(graph.flatten)
    new.outputs = list(graph.outputs)
    for n in graph:
        tensors = {k: t for k, t in n.tensors.items()
                   if n.op != 'conv' or k == 'weight' or bool(t.any())}
        new.nodes[n.name] = Node(n.name, n.op, n.inputs, n.settings, tensors)
    return new


def _read(graph: str | Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return json.loads(graph) if isinstance(graph, str) else graph
    except ValueError:
        raise TicketError('the graph of a compacted network is no JSON. Remedy: compact the ticket '
                          'anew with tools/compact.py.') from None


def _at(size: tuple[int, int], level: int) -> tuple[int, int]:
    """Height and width after ``level`` halvings that round up."""
    height, width = size
    return -(-height // 2**level), -(-width // 2**level)


def _last_uses(nodes: list[Node], outputs: list[str]) -> dict[str, list[str]]:
    last = {name: node.name for node in nodes for name in node.inputs if name not in outputs}
    found: dict[str, list[str]] = {}
    for name, reader in last.items():
        found.setdefault(reader, []).append(name)
    return found
