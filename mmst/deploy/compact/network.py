"""Runs the compacted network as a backbone."""
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from ...registry import MODELS
from .architecture import from_data, to_data
from .graph import Graph, Node
from .operations import OPERATIONS
from .shapes import static, widths
from .static_map import StaticMap

#: Input sizes for which the maps that do not depend on the image are kept.
REMEMBERED = 4


@MODELS.register_module()
class CompactNetwork(BaseModule):
    """Replaces backbone and neck of a ticket, compacted (``mmst compact``).

    Maps that do not depend on the image are computed once for each input size.

    Args:
        graph (str | Mapping): The architecture, as ``to_data`` gives it, or that as JSON: mmengine
            takes minutes to write so long a config any other way.
        channels_last (bool): Memory format of the feature maps. Defaults to True.
        init_cfg (dict, optional): Defaults to None.

    Shape:
        (N, channels, H, W) to a tuple of maps, those of the network that was compacted.
    """

    #: For the count of costs: the first image of a size costs more than the others.
    computes_once = True
    #: Constants of one input size instead of the maps, once frozen.
    frozen: nn.ModuleDict | None
    #: Nodes whose maps are the outputs.
    output_names: list[str]

    def __init__(self, graph: str | Mapping[str, Any], channels_last: bool = True,
                 init_cfg: dict | None = None):
        super().__init__(init_cfg)
        self._set_graph(from_data(graph))
        self.channels_last = channels_last

    @classmethod
    def of(cls, graph: Graph, channels_last: bool = True) -> 'CompactNetwork':
        """Return a network with the weights of ``graph``, in their precision; in eval mode."""
        graph = _store(graph)
        network = cls(to_data(graph), channels_last)
        tensors = {f'{n.name}.{k}': t for n in graph for k, t in n.tensors.items()}
        dtype = next((t.dtype for t in tensors.values()), None)
        network.to(dtype).nodes.load_state_dict(tensors)
        return network.eval()

    def to_graph(self) -> Graph:
        """Return the graph with this network's weights (copies)."""
        graph = from_data(self.architecture)
        for node in graph:
            if node.tensors:
                state = self.nodes[node.name].state_dict()
                tensors = {k: state[k].detach().clone() for k in node.tensors}
                node.tensors = OPERATIONS[node.op].restore(tensors)
        return graph

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        if self.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
        size = x.shape[-2], x.shape[-1]
        values = dict(self._static_maps(x, size))
        for node in self._dynamic:
            values[node.name] = self.compute(node, values, size, x)
            for name in self._last_use.get(node.name, ()):
                values.pop(name, None)
        return self.outputs(values, x.shape[0])

    def outputs(self, values: Mapping[str, Tensor], images: int) -> tuple[Tensor, ...]:
        """Return the network's outputs for a number of images, from the maps of its nodes."""
        outputs = [values[name].expand(images, -1, -1, -1) for name in self.output_names]
        return tuple(out.flatten(1) if self._flatten else out for out in outputs)

    def freeze(self, size: tuple[int, int]) -> None:
        """Turn the maps that do not depend on the image into constants for one input size.

        For export. Rows and columns that repeat are stored once.
        """
        like = next((p for p in self.parameters()), torch.zeros(()))
        with torch.no_grad():
            maps = self._compute_static(like.new_zeros(1, 1, 1, 1), (size[0], size[1]))
        self.frozen = nn.ModuleDict({name: StaticMap(value) for name, value in maps.items()})

    def train(self, mode: bool = True) -> 'CompactNetwork':
        self._maps.clear()
        return super().train(mode)

    def _set_graph(self, graph: Graph) -> None:
        fixed, count = static(graph), widths(graph)
        self.architecture = to_data(graph)
        self.nodes = nn.ModuleDict()
        self.frozen = None
        for node in graph:
            if node.tensors:
                layer = OPERATIONS[node.op].module(node, count[node.inputs[0]], fixed[node.name])
                assert layer is not None, 'from_data lets no others have weights'
                self.nodes[node.name] = layer
                node.tensors = {}
        self._flatten = graph.flatten
        self.output_names = list(graph.outputs)
        self._dynamic = [n for n in graph if not fixed[n.name]]
        self._static = [n for n in graph if fixed[n.name]]
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
            values[node.name] = self.compute(node, values, size, x)
        return {name: values[name] for name in self._borders}

    def compute(self, node: Node, values: Mapping[str, Tensor], size: tuple[int, int],
                image: Tensor | None = None) -> Tensor:
        """Return a node's map; ``image``: the image, or a tensor of its type, for nodes without
        inputs.
        """
        inputs = [values[name] for name in node.inputs]
        if not inputs and image is not None:
            inputs = [image]
        if node.name in self.nodes:
            return self.nodes[node.name](*inputs)
        return OPERATIONS[node.op].run(inputs, node.settings, size)

    def _load_from_state_dict(self, *args):
        """Forget the maps of other weights."""
        self._maps.clear()
        super()._load_from_state_dict(*args)


def _store(graph: Graph) -> Graph:
    """Return the graph with the weights that a network keeps."""
    new = Graph(graph.flatten)
    new.outputs = list(graph.outputs)
    for n in graph:
        tensors = OPERATIONS[n.op].store(n.tensors)
        new.nodes[n.name] = Node(n.name, n.op, n.inputs, n.settings, tensors)
    return new


def _last_uses(nodes: list[Node], outputs: list[str]) -> dict[str, list[str]]:
    last = {name: node.name for node in nodes for name in node.inputs if name not in outputs}
    found: dict[str, list[str]] = {}
    for name, reader in last.items():
        found.setdefault(reader, []).append(name)
    return found
