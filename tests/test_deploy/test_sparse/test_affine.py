"""Operations of channels alone add up to one matrix for each of the maps that they read."""
import torch

from mmst.deploy.compact import CompactNetwork
from mmst.deploy.compact.graph import Graph
from mmst.deploy.compact.shapes import widths
from mmst.deploy.sparse.affine import COORDINATES, find_affine
from mmst.models.hrnas.coordinate_map import coordinate_map


def graph_to_grid():
    """Every kind of operation of channels, between the image and a map on the grid."""
    graph = Graph()
    graph.add('image', 'image', channels=3)
    graph.add('conv', 'wide', 'image', stride=1, padding=0, groups=1, tensors=weights(6, 3))
    graph.add('select', 'chosen', 'wide', index=[4, 0, 1, 5])
    graph.add('resize', 'small', 'chosen', size=[8, 8])
    graph.add('coordinates', 'where')
    graph.add('concat', 'joined', 'small', 'where')
    graph.add('conv', 'grouped', 'joined', stride=1, padding=0, groups=2, tensors=weights(4, 3))
    graph.add('conv', 'fixed', 'where', stride=1, padding=0, groups=1, tensors=weights(2, 2))
    graph.add('place', 'spread', 'fixed', index=[3, 1], channels=4)
    graph.add('add', 'sum', 'grouped', 'spread')
    graph.add('bias', 'result', 'sum', tensors=dict(bias=torch.randn(4)))
    graph.outputs = ['result']
    return graph


def weights(outputs, inputs):
    return dict(weight=torch.randn(outputs, inputs, 1, 1), bias=torch.randn(outputs))


def test_the_sum_of_the_products_is_the_node_itself():
    torch.manual_seed(0)
    graph = graph_to_grid()
    network, image = CompactNetwork.of(graph), torch.randn(2, 3, 20, 31)
    found = find_affine(graph, widths(graph), 'result')
    assert set(found.weights) == {'wide', COORDINATES}
    wide = torch.nn.functional.interpolate(network.nodes['wide'](image), (8, 8), mode='bilinear')
    sources = {'wide': wide, COORDINATES: coordinate_map()}
    total = found.bias[:, None, None] + sum(
        torch.einsum('oc,nchw->nohw', weight, sources[name].double())
        for name, weight in found.weights.items())
    torch.testing.assert_close(network(image)[0], total.float(), rtol=1e-4, atol=1e-5)


def test_channels_that_are_not_read_have_no_weight():
    graph = graph_to_grid()
    found = find_affine(graph, widths(graph), 'small')
    assert found.weights['wide'].argmax(1).tolist() == [4, 0, 1, 5]
    assert found.weights['wide'].sum() == 4 and not found.bias.any()
