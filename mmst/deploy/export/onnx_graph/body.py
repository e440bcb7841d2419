"""Replaces the backbone of a network while it is exported, and writes it by itself."""
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from ....models import HRNASSupernet
from ...as_written import is_as_written
from ...compact import CompactNetwork
from ...compact.graph import Graph
from ...compact.lower import can_lower_neck, lower
from ...compact.rewrite import fixed_point
from .builder import GraphBuilder
from .facts import facts
from .joined import join_kernel_sizes
from .operators import WRITE, Known

#: Domain and name of the node that stands for an output of the network.
DOMAIN, STAND_IN = 'mmst', 'Map'


class Body(nn.Module):
    """Stands for a backbone, and its neck, in a trace, which has a node ``mmst::Map`` for each map.

    Args:
        graph (Graph): Of the backbone and neck.
    """

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = join_kernel_sizes(graph)
        self.facts = facts(self.graph)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self._map(image, i) for i in range(len(self.graph.outputs)))

    def _map(self, image: Tensor, index: int) -> Tensor:
        name = self.graph.outputs[index]
        level = self.facts.levels[name]
        size = [(n + 2**level - 1) // 2**level for n in image.shape[2:]] \
            if isinstance(level, int) else list(level)
        shape = [image.shape[0], self.facts.widths[name], *([] if self.graph.flatten else size)]
        return torch.onnx.ops.symbolic(f'{DOMAIN}::{STAND_IN}', (image, ), dict(index=index),
                                       dtype=image.dtype, shape=shape, version=1)

    def write(self, to: GraphBuilder) -> list[str]:
        """Write the network; returns the names of its maps."""
        known, names = self.facts, {}
        read = {x for node in self.graph if node.name not in known.constants for x in node.inputs}
        read.update(self.graph.outputs)
        for node in self.graph:
            if node.name in known.constants:
                if node.name in read:
                    names[node.name] = to.constant(known.constants[node.name], 'map')
                continue
            names[node.name] = WRITE[node.op](
                to, node, [names[x] for x in node.inputs], Known(
                    known.widths[node.name], known.levels[node.name], known.static[node.name],
                    [known.static[x] for x in node.inputs],
                    [(known.widths[x], known.levels[x]) for x in node.inputs]))
        return [self._output(to, x, names[x]) for x in self.graph.outputs]

    def _output(self, to: GraphBuilder, name: str, written: str) -> str:
        if self.facts.static[name]:
            shape = to.shape(self.facts.widths[name], self.facts.levels[name])
            written = to.add('Expand', written, shape)
        return to.add('Flatten', written, axis=1) if self.graph.flatten else written


def find_body(model: nn.Module, compact: bool) -> Body | None:
    """Return the stand-in for a model's backbone and neck; None for a network of others.

    Args:
        model (nn.Module): With a backbone and perhaps a neck.
        compact (bool): Whether to remove the dead parts.
    """
    backbone, neck = getattr(model, 'backbone', None), getattr(model, 'neck', None)
    if backbone is None or type(backbone) not in (HRNASSupernet, CompactNetwork) \
            or not is_as_written(backbone, type(backbone)) or not hasattr(torch.onnx, 'ops'):
        return None
    graph = lower(backbone, neck if can_lower_neck(neck) else None)
    return Body(fixed_point(graph, borders=False) if compact else graph)


@contextmanager
def with_body(model: nn.Module, body: Body) -> Iterator[None]:
    """Put ``body`` in the place of a model's backbone and neck for a while."""
    parts = {name: getattr(model, name) for name in ('backbone', 'neck') if hasattr(model, name)}
    model.backbone = body
    if can_lower_neck(parts.get('neck')):
        model.neck = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name, part in parts.items():
            setattr(model, name, part)


def fill_in(model: onnx.ModelProto, body: Body, opset: int, size: Sequence[int] | None,
            attention: bool) -> None:
    """Write the network into a model in place of the nodes that stand for it."""
    graph = model.graph
    stand_ins = {node.output[0]: node.attribute[0].i for node in graph.node
                 if node.domain == DOMAIN}
    to = GraphBuilder(opset, graph.input[0].name, size, 'network/', attention)
    maps = body.write(to)
    renamed: dict[str, Any] = {name: maps[index] for name, index in stand_ins.items()}
    rest = [node for node in graph.node if node.domain != DOMAIN]
    for node in rest:
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    for output in graph.output:
        if output.name in renamed:  # the network's own map is an output
            to.nodes.append(onnx.helper.make_node('Identity', [renamed[output.name]],
                                                  [output.name], f'{output.name}/same'))
    del graph.node[:]
    graph.node.extend(to.nodes)
    graph.node.extend(rest)
    graph.initializer.extend(to.initializers())
    kept = [entry for entry in model.opset_import if entry.domain != DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    values = [v for v in graph.value_info if v.name not in renamed]
    del graph.value_info[:]
    graph.value_info.extend(values)
