"""Joins the operations between a small map and its reader: matrices of its sources, and a bias."""
from dataclasses import dataclass

import torch
from torch import Tensor

from ...models.hrnas.coordinate_map import GRID
from ..compact.graph import Graph
from ..folding import spread_groups

#: Stands for the coordinate map among the sources.
COORDINATES = ''


@dataclass
class Affine:
    """Is a map on the Transformers' grid as a function of others, the same at each place.

    Attributes:
        weights (Dict[str, Tensor]): (channels, source's channels) of each source, float64. Sources
            are maps that are resized to the grid, :data:`COORDINATES`, and nodes of another kind.
        bias (Tensor): (channels,).
    """
    weights: dict[str, Tensor]
    bias: Tensor

    def rows(self, index: list[int]) -> 'Affine':
        """Return some of its channels in another order; -1 is one of zeros."""
        kept = torch.tensor(index, device='cpu')
        found = self.times(torch.eye(len(self.bias), dtype=torch.float64, device='cpu')[kept])
        gone = kept < 0
        for weight in (*found.weights.values(), found.bias):
            weight[gone] = 0
        return found

    def times(self, matrix: Tensor) -> 'Affine':
        """Return the product of a (rows, channels) matrix and this one."""
        return Affine({name: matrix @ w for name, w in self.weights.items()}, matrix @ self.bias)

    def plus(self, other: 'Affine') -> 'Affine':
        """Return the sum of both."""
        weights = dict(self.weights)
        for name, weight in other.weights.items():
            weights[name] = weights[name] + weight if name in weights else weight
        return Affine(weights, self.bias + other.bias)

    def over(self, other: 'Affine') -> 'Affine':
        """Return both, the other's channels after these."""
        first, total = len(self.bias), len(self.bias) + len(other.bias)
        return self.rows([*range(first), *[-1] * (total - first)]).plus(
            other.rows([*[-1] * first, *range(total - first)]))


def find_affine(graph: Graph, widths: dict[str, int], name: str) -> Affine:
    """Return a node as a function of maps that it reads through operations of channels alone."""
    node = graph.nodes[name]
    chosen = node.settings
    before = [find_affine(graph, widths, x) for x in node.inputs] if node.op in (
        'select', 'place', 'bias', 'conv', 'add', 'concat') else []
    if node.op == 'select':
        return before[0].rows(chosen['index'])
    if node.op == 'place':
        places = {channel: j for j, channel in enumerate(chosen['index'])}
        return before[0].rows([places.get(c, -1) for c in range(chosen['channels'])])
    if node.op == 'bias':
        return before[0].plus(Affine({}, node.tensors['bias'].double()))
    if node.op == 'conv' and node.tensors['weight'].shape[-1] == 1 and chosen['stride'] == 1:
        weight = spread_groups(node.tensors['weight'].double(), chosen['groups']).flatten(1)
        return before[0].times(weight).plus(Affine({}, node.tensors['bias'].double()))
    if node.op in ('add', 'concat'):
        total = before[0]
        for other in before[1:]:
            total = total.plus(other) if node.op == 'add' else total.over(other)
        return total
    if node.op == 'coordinates':
        return _source(COORDINATES, 2)
    if node.op == 'resize' and chosen['size'] == [GRID, GRID]:
        return _before_grid(graph, widths, node.inputs[0])
    return _source(name, widths[name])


def _before_grid(graph: Graph, widths: dict[str, int], name: str) -> Affine:
    """Return the map that is resized: its channels may as well be chosen on the grid."""
    node = graph.nodes[name]
    if node.op == 'select':
        return _before_grid(graph, widths, node.inputs[0]).rows(node.settings['index'])
    return _source(name, widths[name])


def _source(name: str, channels: int) -> Affine:
    eye = torch.eye(channels, dtype=torch.float64, device='cpu')
    return Affine({name: eye}, eye.new_zeros(channels))
