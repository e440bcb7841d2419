"""Finds the parts of a network that ONNX can express by fewer nodes."""
import torch
from torch import Tensor

from ...compact.graph import Graph, Node
from ...compact.shapes import levels, static

#: Operation of a joined MixConv: tensors ``expand``, ``expand_bias``, ``depthwise.i``,
#: ``depthwise_bias.i``, ``project`` and ``project_bias``; settings ``stride`` and ``paddings``.
MIXCONV = 'mixconv'
#: Operation that passes its input on.
SAME = 'same'


def join_kernel_sizes(graph: Graph) -> Graph:
    """Return the graph with the kernel sizes of each MixConv in one node.

    The projections of several kernel sizes that are added are one projection of the concatenation.
    """
    graph = without_coordinates(graph)
    readers, fixed, level = graph.consumers(), static(graph), levels(graph)
    new = Graph(graph.flatten)
    new.outputs = list(graph.outputs)
    for node in graph:
        inputs = list(node.inputs)
        if node.op == 'add' and not fixed[node.name]:
            ways: dict[tuple, list[list[Node]]] = {}
            for name in inputs:
                way = _branch(graph, readers, name)
                if way:
                    ways.setdefault((way[0].inputs[0], way[1].settings['stride']), []).append(way)
            for (source, stride), found in ways.items():
                if len(found) > 1 and not fixed[source] and isinstance(level[source], int):
                    name = new.add(MIXCONV, f'{node.name}/mixconv', source, tensors=_tensors(found),
                                   stride=stride, paddings=[way[1].settings['padding']
                                                            for way in found])
                    ends = [way[2].name for way in found]
                    inputs = [name if x == ends[0] else x for x in inputs if x not in ends[1:]]
        if len(inputs) == 1 and node.op == 'add':
            new.nodes[node.name] = Node(node.name, SAME, inputs)
        else:
            new.nodes[node.name] = Node(node.name, node.op, inputs, node.settings, node.tensors)
    return new.drop_unread()


def without_coordinates(graph: Graph) -> Graph:
    """Return the graph with a constant added in place of each coordinate map that is read.

    A convolution of features and coordinates is the sum of two, and that of coordinates a constant.
    """
    fixed = static(graph)
    new = Graph(graph.flatten)
    new.outputs = list(graph.outputs)
    for node in graph:
        before = graph.nodes[node.inputs[0]] if node.inputs else node
        if node.op == 'conv' and before.op == 'concat' and len(before.inputs) == 2 \
                and graph.nodes[before.inputs[1]].op == 'coordinates' \
                and not fixed[before.inputs[0]] and node.settings['groups'] == 1:
            weight, bias = node.tensors['weight'], node.tensors['bias']
            parts = [new.add('conv', f'{node.name}/{part}', source, **node.settings, tensors=dict(
                weight=w, bias=b)) for part, source, w, b in (
                    ('features', before.inputs[0], weight[:, :-2], torch.zeros_like(bias)),
                    ('coordinates', before.inputs[1], weight[:, -2:], bias))]
            new.nodes[node.name] = Node(node.name, 'add', parts)
        else:
            new.nodes[node.name] = node
    return new.drop_unread()


def _branch(graph: Graph, readers: dict[str, list[str]], name: str) -> list[Node] | None:
    """Return expansion, depthwise convolution and projection that end in a node, or None."""
    names = [name]
    for op in ('conv', 'relu', 'conv', 'relu', 'conv'):
        node = graph.nodes[names[-1]]
        if node.op != op or len(readers[node.name]) != 1 or not node.inputs:
            return None
        names.append(node.inputs[0])
    project, deep, expand = (graph.nodes[names[i]] for i in (0, 2, 4))
    pointwise = all(n.tensors['weight'].shape[2:] == (1, 1) and n.settings['groups'] == 1
                    and n.settings['stride'] == 1 for n in (project, expand))
    width = len(deep.tensors['weight'])
    whole = deep.settings['groups'] == width == len(expand.tensors['weight'])
    return [expand, deep, project] if pointwise and whole else None


def _tensors(ways: list[list[Node]]) -> dict[str, Tensor]:
    found = dict(
        expand=torch.cat([way[0].tensors['weight'] for way in ways]),
        expand_bias=torch.cat([way[0].tensors['bias'] for way in ways]),
        project=torch.cat([way[2].tensors['weight'] for way in ways], dim=1),
        project_bias=torch.stack([way[2].tensors['bias'] for way in ways]).sum(0))
    for i, way in enumerate(ways):
        found[f'depthwise.{i}'] = way[1].tensors['weight']
        found[f'depthwise_bias.{i}'] = way[1].tensors['bias']
    return found
