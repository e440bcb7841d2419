"""Derives shapes and constants of a graph that may have joined MixConvs."""
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ...compact.graph import Graph, Node
from ...compact.operations import OPERATIONS
from .joined import MIXCONV, SAME


@dataclass
class Facts:
    """Holds an entry for each node.

    Attributes:
        widths (Dict[str, int]): Channels.
        levels (Dict[str, int | list[int]]): Halvings of height and width, or fixed numbers.
        static (Dict[str, bool]): Whether it does not depend on the image.
        constants (Dict[str, Tensor]): Values of those that depend on nothing at all.
    """
    widths: dict[str, int]
    levels: dict[str, int | list[int]]
    static: dict[str, bool]
    constants: dict[str, Tensor]


def facts(graph: Graph) -> Facts:
    """Return the shapes and constants of a graph, which its writing needs."""
    found = Facts({}, {}, {}, {})
    for node in graph:
        name, before = node.name, node.inputs
        if node.op in (MIXCONV, SAME):
            level = found.levels[before[0]]
            halved = node.op == MIXCONV and node.settings['stride'] == 2
            found.levels[name] = level + halved if isinstance(level, int) else level
            found.widths[name] = len(node.tensors['project']) if node.op == MIXCONV else \
                found.widths[before[0]]
            found.static[name] = found.static[before[0]]
            continue
        operation = OPERATIONS[node.op]
        found.levels[name] = operation.level(node, found.levels[before[0]] if before else 0)
        found.widths[name] = operation.width(node, [found.widths[x] for x in before])
        found.static[name] = not operation.is_image and all(found.static[x] for x in before)
        if node.op != 'ones' and not isinstance(found.levels[name], int) and all(
                x in found.constants for x in before) and found.static[name]:
            found.constants[name] = _value(node, found.constants, found.widths)
    return found


@torch.no_grad()
def _value(node: Node, values: Mapping[str, Tensor], widths: Mapping[str, int]) -> Tensor:
    inputs = [values[x] for x in node.inputs] or [torch.zeros(())]
    operation = OPERATIONS[node.op]
    if not node.tensors:
        return operation.run(inputs, node.settings, (1, 1))
    tensors = operation.store({name: t.float() for name, t in node.tensors.items()})
    stored = Node(node.name, node.op, node.inputs, node.settings, tensors)
    layer = operation.module(stored, widths[node.inputs[0]], True)
    assert layer is not None, 'operations with weights have layers'
    layer.load_state_dict(tensors)
    value: Tensor = layer.eval()(inputs[0])
    return value
