"""Cuts a compacted network's graph into steps that the kernel runs in one call each."""
from dataclasses import dataclass, field
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ..compact.graph import Graph, Node
from ..compact.shapes import static
from .fold import FoldedMixConv


@dataclass
class Step:
    """Joins a node of the graph with those before it that are computed along with it.

    Attributes:
        node (str): Name of the (last) node, which the result gets.
        paths (List[List[str]]): MixConv paths of one input: expansion, depthwise, projection each.
        source (str): Their input; ``''``: there are none, nor a convolution.
        identity (bool): Whether the input itself is added, too.
        residual (str, optional): A convolution of the input that is added, too.
        conv (str, optional): A convolution instead of paths.
        stem (List[str]): Two convolutions of stride 2 instead.
        terms (List[str]): Nodes that are added to the sum.
        halves (List[str]): Nodes that are enlarged twice, then added.
        relu (bool): Whether a ReLU ends it.
        static (bool): Whether it is the same for all images of a size.
    """
    node: str
    paths: list[list[str]] = field(default_factory=list)
    source: str = ''
    identity: bool = False
    residual: str | None = None
    conv: str | None = None
    stem: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)
    relu: bool = False
    static: bool = False


def find_steps(graph: Graph) -> list[Step]:
    """Return all nodes but the image, in order; those that depend on it as few steps as can be."""
    return _Finder(graph).find()


class _Finder:

    def __init__(self, graph: Graph):
        self.graph, self.nodes = graph, graph.nodes
        self.readers, self.static = graph.consumers(), static(graph)

    def find(self) -> list[Step]:
        steps: dict[str, Step] = {}
        for node in self.graph:
            if node.op == 'image':
                continue
            if self.static[node.name]:
                conv = node.op == 'conv'
                steps[node.name] = Step(node.name, conv=node.name if conv else None,
                                        source=node.inputs[0] if conv else '', static=True)
                continue
            step, inside = self._step(node)
            for name in inside:
                steps.pop(name, None)
            steps[node.name] = step
        return list(steps.values())

    def _step(self, node: Node):
        """Return the step that ends in a node, and the nodes within it."""
        if node.op == 'relu' and self._alone(node.inputs[0]) and (
                self.nodes[node.inputs[0]].op in ('add', 'conv')):
            stem = self._stem(node)
            if stem:
                first = self.nodes[stem[-1]]
                return Step(node.name, source=first.inputs[0], stem=stem[::2][::-1]), stem
            step, inside = self._step(self.nodes[node.inputs[0]])
            step.node, step.relu = node.name, True
            return step, [*inside, node.inputs[0]]
        if node.op == 'conv':
            path = self._path(node)
            if path:
                return self._join_paths(Step(node.name), [node.name])
            return Step(node.name, conv=node.name, source=node.inputs[0]), []
        if node.op == 'add':
            return self._join_paths(Step(node.name), node.inputs)
        return Step(node.name), []

    def _join_paths(self, step: Step, terms: list[str]):
        """Join paths of one input among the terms of a sum to one block."""
        inside: list[str] = []
        for name in terms:
            path = self._path(self.nodes[name]) if name == step.node or self._alone(name) else None
            source = self.nodes[path[0]].inputs[0] if path else ''
            if path and step.source in ('', source) and self._same_stride(step, path[1]):
                step.source = source
                step.paths.append([path[0], path[1], name])
                inside += [path[0], *self.nodes[path[1]].inputs, path[1],
                           *self.nodes[name].inputs, name]
            else:
                step.terms.append(name)
        for name in list(step.terms) if step.paths else []:
            self._add_residual(step, name, inside)
        for name in step.terms[0 if step.paths else 1:]:  # something is added to
            if self.nodes[name].op == 'upsample' and self._alone(name):
                step.terms.remove(name)
                step.halves.append(name)
                inside.append(name)
        return step, [name for name in inside if name != step.node]

    def _add_residual(self, step: Step, name: str, inside: list[str]) -> None:
        node, stride = self.nodes[name], self._stride(step.paths[0][1])
        if name == step.source and stride == 1 and not step.identity:
            step.identity = True
        elif (node.op == 'conv' and node.inputs == [step.source] and self._alone(name)
              and step.residual is None and node.settings['stride'] == stride
              and node.settings['padding'] == 0 and _size(node) == 1):
            step.residual = name
            inside.append(name)
        else:
            return
        step.terms.remove(name)

    def _path(self, project: Node) -> list[str] | None:
        """Return the expansion and depthwise convolution before a projection, if it is one."""
        depthwise = self._behind_relu(project) if _is_pointwise(project) else None
        if depthwise is None or not _is_depthwise(depthwise):
            return None
        expand = self._behind_relu(depthwise)
        return [expand.name, depthwise.name] if expand and _is_pointwise(expand) else None

    def _stem(self, relu: Node) -> list[str] | None:
        second = self.nodes[relu.inputs[0]]
        first = self._behind_relu(second) if second.op == 'conv' else None
        if first is None or self.nodes[first.inputs[0]].op != 'image' or not all(
                n.settings['stride'] == 2 for n in (first, second)):
            return None
        return [second.name, *second.inputs, first.name]

    def _behind_relu(self, node: Node) -> Node | None:
        """Return the convolution before a convolution, a ReLU between them, that nothing else
        reads.
        """
        relu = self.nodes[node.inputs[0]]
        if relu.op != 'relu' or not self._alone(relu.name) or self.static[relu.name]:
            return None
        before = self.nodes[relu.inputs[0]]
        return before if before.op == 'conv' and self._alone(before.name) else None

    def _alone(self, name: str) -> bool:
        return len(self.readers[name]) == 1 and self.readers[name] != [''] and not self.static[name]

    def _stride(self, depthwise: str) -> int:
        return self.nodes[depthwise].settings['stride']

    def _same_stride(self, step: Step, depthwise: str) -> bool:
        return not step.paths or self._stride(step.paths[0][1]) == self._stride(depthwise)


def joined_paths(graph: Graph, step: Step) -> FoldedMixConv:
    """Return the paths of a step as one, hidden channels of all after another."""
    size = max(_size(graph.nodes[path[1]]) for path in step.paths)
    expand, depthwise, project = ([graph.nodes[path[i]].tensors for path in step.paths]
                                  for i in range(3))
    taps = [F.pad(t['weight'][:, 0].double(), [(size - t['weight'].shape[-1]) // 2] * 4)
            for t in depthwise]
    return FoldedMixConv(
        _concatenate([t['weight'].flatten(1) for t in expand]),
        _concatenate([t['bias'] for t in expand]),
        torch.cat(taps), _concatenate([t['bias'] for t in depthwise]),
        _concatenate([t['weight'].flatten(1) for t in project], 1),
        cast(Tensor, sum(t['bias'].double() for t in project)),
        graph.nodes[step.paths[0][1]].settings['stride'])


def _concatenate(parts: list[Tensor], dim: int = 0) -> Tensor:
    return torch.cat([part.double() for part in parts], dim)


def _size(node: Node) -> int:
    return node.tensors['weight'].shape[-1]


def _is_pointwise(node: Node) -> bool:
    return (node.op == 'conv' and _size(node) == 1 and node.settings['padding'] == 0
            and node.settings['stride'] == 1 and node.settings['groups'] == 1)


def _is_depthwise(node: Node) -> bool:
    weight = node.tensors['weight']
    return (weight.shape[1] == 1 and node.settings['groups'] == len(weight) and
            _size(node) % 2 == 1 and node.settings['padding'] == _size(node) // 2)
