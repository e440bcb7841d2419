"""Graphs as plain data: what comes back, and what is refused."""
import copy
import json

import pytest
import torch
from compact_graphs import compacted, difference, graph_of, make_block

from mmst.deploy.compact import CompactNetwork
from mmst.deploy.compact.architecture import from_data
from mmst.deploy.compact.channels import Channels
from mmst.deploy.compact.graph import Graph
from mmst.deploy.compact.operations import OPERATIONS, Operation
from mmst.deploy.compact.pad import pad
from mmst.deploy.compact.rewrite import fixed_point
from mmst.deploy.compact.shapes import levels
from mmst.errors import TicketError


@pytest.fixture(scope='module')
def network():
    return compacted(make_block(3, 5, transformer='all'))[1]


def test_architecture_and_weights_make_the_same_network(network):
    data = json.dumps(network.architecture)
    again = CompactNetwork(data).double().eval()
    again.load_state_dict(network.state_dict())
    assert difference(network, again, 9, 11) == 0
    assert again.architecture == network.architecture


def test_frozen_maps_are_those_of_their_size():
    block = make_block(3, 5)
    block.mixconv.expand.weight.data[:4] = 0
    block.mixconv.expand_bn.bias.data[:4] = 2.
    network = compacted(block)[1]
    frozen = copy.deepcopy(network)
    frozen.freeze((20, 30))
    assert difference(network, frozen, 20, 30) == 0
    tables = [m.table for m in frozen.frozen.values()]
    assert tables and all(t.shape[2] < 20 and t.shape[3] < 30 for t in tables)


def damaged(data, change):
    data = copy.deepcopy(data)
    change(data)
    return data


@pytest.mark.parametrize('change', [
    lambda d: d.pop('outputs'), lambda d: d.update(outputs=['nowhere']),
    lambda d: d.update(outputs=[]), lambda d: d.update(nodes=3),
    lambda d: d['nodes'][1].update(op='exec'), lambda d: d['nodes'][1].update(inputs=['later']),
    lambda d: d['nodes'][1].pop('groups'), lambda d: d['nodes'][1].update(name='image'),
    lambda d: d['nodes'][1].update(inputs=[]), lambda d: d['nodes'][1].pop('shapes'),
    lambda d: next(n for n in d['nodes'] if n['op'] == 'relu').update(shapes=dict(weight=[1])),
    lambda d: d['nodes'][1].update(shapes=dict(weight='x')),
    lambda d: d.pop('flatten')])
def test_broken_graphs_are_refused(network, change):
    with pytest.raises(TicketError, match=r'graph of a compacted network is broken: .*Remedy: '):
        from_data(damaged(network.architecture, change))


def test_text_that_is_no_graph_is_refused():
    with pytest.raises(TicketError, match=r'is no JSON. Remedy: '):
        CompactNetwork('{')


def test_unreachable_nodes_are_swept():
    graph = Graph()
    image = graph.add('image', 'image', channels=3)
    graph.add('relu', 'dead', image)
    graph.outputs = [graph.add('relu', 'live', image)]
    assert list(graph.drop_unread().nodes) == ['image', 'live']


def test_names_that_are_taken_get_a_number():
    graph = Graph()
    assert [graph.add('ones', 'a', level=0) for _ in range(3)] == ['a', 'a~2', 'a~3']


def test_sizes_are_recognised_by_levels():
    graph = Graph()
    image = graph.add('image', 'image', channels=1)
    tensors = dict(weight=torch.zeros(2, 1, 3, 3), bias=torch.zeros(2))
    conv = graph.add('conv', 'conv', image, stride=2, padding=1, groups=1, tensors=tensors)
    small = graph.add('resize', 'small', conv, size=[8, 8])
    mean = graph.add('mean', 'mean', conv)
    assert levels(graph) == {image: 0, conv: 1, small: [8, 8], mean: [1, 1]}


class Half(Operation):
    """x / 2."""
    keeps_channels = passes_bias = True

    def channels(self, node, inputs):
        x = inputs[0]
        return Channels(x.kind, x.value / 2, x.high / 2)

    def run(self, inputs, settings, size):
        return inputs[0] / 2


@pytest.mark.parametrize('multiple', [1, 8])
def test_an_operation_is_added_by_one_class(monkeypatch, multiple):
    monkeypatch.setitem(OPERATIONS, 'half', Half())
    block = make_block(3, 5)
    block.mixconv.project.weight.data[2] = block.residual.weight.data[2] = 0
    graph = graph_of(block)
    graph.outputs = [graph.add('relu', 'after', graph.add('half', 'half', graph.outputs[0]))]
    network = CompactNetwork.of(pad(fixed_point(graph), multiple))
    assert 'half' in [node.op for node in network.to_graph()]
    assert difference(lambda x: (block(x) / 2).relu(), network, 9, 11) < 1e-9
    again = CompactNetwork(json.dumps(network.architecture)).double().eval()
    again.load_state_dict(network.state_dict())
    assert difference(network, again, 9, 11) == 0
