"""Channels are taken of the small maps that a Transformer reads, not of the large ones before."""
import pytest
import torch
from deploy_tickets import small_ticket
from sparse_nets import needs_kernel

from mmst.deploy.compact import compact
from mmst.deploy.compact.graph import Graph
from mmst.deploy.sparse import SparseModel, sparse_compact
from mmst.deploy.sparse.late_select import select_late


@needs_kernel
def test_the_outputs_stay_bit_for_bit(monkeypatch):
    model = compact(small_ticket('cityscapes', 0.9)).build()
    late = SparseModel(model)
    monkeypatch.setattr(sparse_compact, 'select_late', lambda graph: graph)
    early = SparseModel(model)
    ops = [[node.op for node in network.model.backbone.graph] for network in (late, early)]
    assert ops[0] != ops[1] and sorted(ops[0]) == sorted(ops[1])
    for size in ((64, 96), (45, 70)):
        x = torch.randn(2, 3, *size)
        assert torch.equal(late(x), early(x))


def graph_of(size, readers):
    graph = Graph()
    graph.add('image', 'image')
    graph.add('select', 'select', 'image', index=[1, 0])
    for i in range(readers):
        graph.add('resize', f'resize{i}', 'select', size=size)
    graph.outputs = [f'resize{i}' for i in range(readers)]
    return graph


def test_a_fixed_size_comes_before_the_choice_of_channels():
    graph = select_late(graph_of([8, 8], 1))
    assert [(n.name, n.op, n.inputs, n.settings) for n in graph][1:] == [
        ('select', 'resize', ['image'], dict(size=[8, 8])),
        ('resize0', 'select', ['select'], dict(index=[1, 0]))]


@pytest.mark.parametrize('size, readers', [(1, 1), ([8, 8], 2)])
def test_maps_that_may_grow_or_are_read_twice_stay_after_it(size, readers):
    graph = graph_of(size, readers)
    assert select_late(graph).form() == graph_of(size, readers).form()
