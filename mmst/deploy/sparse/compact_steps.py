"""Cuts a compacted network's graph into steps that the kernel runs in one call each."""
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..compact.graph import Graph, Node
from ..compact.shapes import levels, static, widths
from .compact_step import BlockNodes, Step
from .fold import FoldedMixConv
from .joined_transformer import find_transformer


def find_steps(graph: Graph, modules: nn.ModuleDict) -> list[Step]:
    """Return the steps that compute a graph's outputs, in order, as few as can be.

    Args:
        graph (Graph): With its weights.
        modules (nn.ModuleDict): Layers of its nodes, by name.
    """
    return _Finder(graph, modules).find()


class _Finder:

    def __init__(self, graph: Graph, modules: nn.ModuleDict):
        self.graph, self.nodes, self.modules = graph, graph.nodes, modules
        self.readers, self.static = graph.consumers(), static(graph)
        self.widths, self.levels = widths(graph), levels(graph)

    def find(self) -> list[Step]:
        steps: list[Step] = []
        for node in self.graph:
            if node.op == 'image':
                continue
            if self.static[node.name]:
                conv = node.op == 'conv'
                steps.append(Step(node.name, conv=node.name if conv else None,
                                  source=node.inputs[0] if conv else '', static=True))
            else:
                steps.append(self._step(node))
        needed, found = set(self.graph.outputs), list[Step]()
        for step in reversed(steps):
            if step.node in needed:
                needed.update(step.reads(self.graph))
                found.insert(0, step)
        return found

    def _step(self, node: Node) -> Step:
        """Return the step that ends in a node."""
        if node.op == 'relu' and self._alone(node.inputs[0]) and (
                self.nodes[node.inputs[0]].op in ('add', 'conv')):
            stem = self._stem(node)
            if stem:
                return Step(node.name, source=self.nodes[stem[-1]].inputs[0], stem=stem[::-1])
            step = self._step(self.nodes[node.inputs[0]])
            step.node, step.relu = node.name, True
            return step
        if node.op == 'conv':
            if self._path(node):
                return self._join(Step(node.name), [node.name])
            return Step(node.name, conv=node.name, source=node.inputs[0])
        if node.op == 'add':
            return self._join(Step(node.name), node.inputs)
        return Step(node.name)

    def _join(self, step: Step, terms: list[str]) -> Step:
        """Join terms of a sum to a block for each of the maps that they read."""
        blocks: dict[tuple[str, int], BlockNodes] = {}
        for name in terms:
            if not (self._add_path(blocks, name, name == step.node)
                    or self._add_transformer(blocks, name)):
                step.terms.append(name)
        for block in blocks.values():
            for name in list(step.terms):
                if self._add_residual(block, name):
                    step.terms.remove(name)
            block.coarser = self._coarser(block)
        step.blocks = list(blocks.values())
        for name in step.terms[0 if blocks else 1:]:  # something is added to
            if self.nodes[name].op == 'upsample' and self._alone(name):
                step.terms.remove(name)
                step.halves.append(name)
        return step

    def _add_path(self, blocks: dict[tuple[str, int], BlockNodes], name: str, last: bool) -> bool:
        path = self._path(self.nodes[name]) if last or self._alone(name) else None
        if path is None:
            return False
        key = self.nodes[path[0]].inputs[0], self.nodes[path[1]].settings['stride']
        blocks.setdefault(key, BlockNodes(*key)).paths.append([*path, name])
        return True

    def _add_transformer(self, blocks: dict[tuple[str, int], BlockNodes], name: str) -> bool:
        found = find_transformer(self.graph, self.widths, self.levels, self.modules,
                                 name) if self._alone(name) else None
        if found is None or not self._alone(found.mixer) or self.static[found.source]:
            return False
        stride = 1 + found.level - cast(int, self.levels[found.source])
        key = found.source, stride
        if stride not in (1, 2) or (key in blocks and blocks[key].transformer):
            return False
        blocks.setdefault(key, BlockNodes(*key)).transformer = found
        return True

    def _add_residual(self, block: BlockNodes, name: str) -> bool:
        node, stride = self.nodes[name], block.stride
        if name == block.source and stride == 1 and not block.identity:
            block.identity = True
        elif (node.op == 'conv' and node.inputs == [block.source] and self._alone(name)
              and block.residual is None and node.settings['stride'] == stride
              and node.settings['padding'] == 0 and _size(node) == 1):
            block.residual = name
        else:
            return False
        return True

    def _coarser(self, block: BlockNodes) -> list[str]:
        """Return maps of which a block's input is the concatenation, the others enlarged first."""
        node = self.nodes[block.source]
        first, rest = node.inputs[:1], [self.nodes[name] for name in node.inputs[1:]]
        if node.op != 'concat' or block.stride != 1 or not all(
                n.op == 'resize' and n.settings['size'] == self.levels[first[0]] for n in rest):
            return []
        maps = [*first, *(n.inputs[0] for n in rest)]
        own = {path[0] for path in block.paths} | {block.residual}
        if block.transformer:
            own |= self._between(block.source, block.transformer.mixer)
        level: Any = self.levels[first[0]]
        alike = all(not self.static[name] and isinstance(self.levels[name], int)
                    and cast(int, self.levels[name]) >= level for name in maps)
        return maps if alike and set(self.readers[block.source]) <= own else []

    def _between(self, source: str, last: str) -> set[str]:
        """Return the nodes on the way to the last one that nothing else reads."""
        found = {last}
        for node in reversed(list(self.graph)):
            if node.name != source and set(self.readers[node.name]) <= found:
                found.add(node.name)
        return found

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
        return [second.name, first.name]

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


def joined_paths(graph: Graph, block: BlockNodes, inputs: int, outputs: int) -> FoldedMixConv:
    """Return the paths of a block as one, hidden channels of all after another."""
    size = max((_size(graph.nodes[path[1]]) for path in block.paths), default=1)
    expand, depthwise, project = ([graph.nodes[path[i]].tensors for path in block.paths]
                                  for i in range(3))
    none = torch.zeros(0, dtype=torch.float64, device='cpu')
    taps = [F.pad(t['weight'][:, 0].double(), [(size - t['weight'].shape[-1]) // 2] * 4)
            for t in depthwise]
    return FoldedMixConv(
        _concatenate([none.new_zeros(0, inputs), *(t['weight'].flatten(1) for t in expand)]),
        _concatenate([none, *(t['bias'] for t in expand)]),
        torch.cat([none.new_zeros(0, size, size), *taps]),
        _concatenate([none, *(t['bias'] for t in depthwise)]),
        _concatenate([none.new_zeros(outputs, 0), *(t['weight'].flatten(1) for t in project)], 1),
        sum((t['bias'].double() for t in project), none.new_zeros(outputs)), block.stride)


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
