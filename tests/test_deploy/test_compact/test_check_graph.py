"""Graphs whose sizes, places and counts contradict each other are refused in one line."""
import copy

import pytest
import torch
from compact_graphs import compacted, make_block

from mmst.deploy.compact.architecture import from_data, to_data
from mmst.deploy.compact.graph import Graph
from mmst.errors import TicketError


def graph():
    """A graph with every kind of operation."""
    new = Graph()
    image = new.add('image', 'image', channels=3)
    conv = new.add('conv', 'conv', image, stride=2, padding=1, groups=1, tensors=dict(
        weight=torch.zeros(4, 3, 3, 3), bias=torch.zeros(4)))
    half = new.add('conv', 'half', conv, stride=2, padding=1, groups=4, tensors=dict(
        weight=torch.zeros(4, 1, 3, 3)))
    chosen = new.add('select', 'select', half, index=[3, 1])
    spread = new.add('place', 'place', chosen, index=[0, 2], channels=4)
    wide = new.add('upsample', 'upsample', spread, level=1)
    total = new.add('add', 'add', conv, wide)
    shifted = new.add('bias', 'bias', total, tensors=dict(bias=torch.zeros(4)))
    ones = new.add('ones', 'ones', level=1)
    small = new.add('resize', 'resize', new.add('concat', 'concat', shifted, ones), size=[8, 8])
    where = new.add('coordinates', 'coordinates')
    joined = new.add('concat', 'joined', small, where)
    mixed = new.add('mixer', 'mixer', joined, tokens=7, encoder_rows=[0, 2, 5],
                    decoder_rows=[2, 0], scale=0.1, tensors=mixer_weights())
    new.outputs = [new.add('mean', 'mean', mixed)]
    new.flatten = True
    return new


def mixer_weights():
    found = dict(queries=torch.zeros(2, 64))
    for layer in ('encoder', 'decoder'):
        found.update({f'{layer}.norm{i}.{part}': torch.zeros(64) for i in (1, 2)
                      for part in ('weight', 'bias')})
        found.update({f'{layer}.attention.{name}.weight': torch.zeros(shape) for name, shape in
                      dict(query=(5, 64), key=(5, 64), value=(6, 64), out=(64, 6)).items()})
    return dict(found, **{'encoder.feedforward.0.weight': torch.zeros(9, 64),
                          'encoder.feedforward.3.weight': torch.zeros(64, 9)})


@pytest.fixture(scope='module')
def data():
    found = to_data(graph())
    from_data(found)
    return found


MIXER = 'decoder.attention.query.weight'
WRONG = [
    ('image', 'channels', -1), ('image', 'channels', 10**9), ('image', 'channels', 3.),
    ('conv', 'stride', 0), ('conv', 'stride', 3), ('conv', 'stride', True), ('conv', 'padding', 0),
    ('conv', 'padding', 10**9), ('conv', 'groups', 2), ('conv', 'groups', 0),
    ('conv', 'shapes', dict(weight=[4, 3, 3, 3], bias=[5])), ('conv', 'inputs', ['image'] * 2),
    ('conv', 'shapes', dict(weight=[4, 3, 3])), ('conv', 'shapes', dict(weight=[4, 3, 2, 2])),
    ('conv', 'shapes', dict(weight=[4, 2, 3, 3])), ('conv', 'shapes', dict(bias=[4])),
    ('conv', 'shapes', dict(weight=[0, 3, 3, 3])),
    ('conv', 'shapes', dict(weight=[4, 3, 3, 3], more=[1])),
    ('half', 'groups', 3), ('half', 'shapes', dict(weight=[6, 1, 3, 3])),
    ('select', 'index', [4]), ('select', 'index', [-1]), ('select', 'index', []),
    ('select', 'index', [0.5]), ('select', 'index', 1), ('select', 'index', [10**6]),
    ('place', 'index', [0, 4]), ('place', 'index', [0, 0]), ('place', 'index', [0, 1, 2]),
    ('place', 'channels', 10**12), ('place', 'channels', 5), ('place', 'channels', 1),
    ('upsample', 'level', 0), ('upsample', 'level', -3), ('upsample', 'level', 10**6),
    ('add', 'inputs', ['conv', 'half']), ('add', 'inputs', ['conv', 'ones']),
    ('add', 'inputs', ['conv']), ('bias', 'shapes', dict(bias=[5])),
    ('ones', 'level', 2), ('ones', 'level', 10**6), ('ones', 'level', '1'),
    ('resize', 'size', [8, 9]), ('resize', 'size', [8]), ('resize', 'size', 1),
    ('resize', 'size', -1), ('resize', 'size', None),
    ('joined', 'inputs', ['concat', 'coordinates']), ('mixer', 'tokens', 8),
    ('mixer', 'encoder_rows', [0, 2, 7]), ('mixer', 'decoder_rows', [3, 0]),
    ('mixer', 'decoder_rows', [0, 1, 2]), ('mixer', 'scale', float('nan')),
    ('mixer', 'scale', 'much'), ('mixer', MIXER, [65, 64]), ('mixer', MIXER, [4, 64]),
    ('mixer', MIXER, None), ('mixer', 'queries', None), ('mixer', 'queries', [2, 63]),
    ('mixer', 'encoder.feedforward.3.weight', [64, 8]), ('mixer', 'encoder.norm1.weight', [1]),
    ('mixer', 'decoder.feedforward.0.weight', [4, 64])]


@pytest.mark.parametrize('name, key, value', WRONG)
def test_a_node_that_does_not_fit_the_rest_is_refused(data, name, key, value):
    data = copy.deepcopy(data)
    node = next(node for node in data['nodes'] if node['name'] == name)
    where = node['shapes'] if key == 'queries' or '.' in key else node
    where[key] = value
    if value is None:
        del where[key]
    with pytest.raises(TicketError, match=r'graph of a compacted network is broken: .*Remedy: ') \
            as error:
        from_data(data)
    assert '\n' not in str(error.value)


def test_outputs_with_a_size_are_not_taken_for_numbers(data):
    with pytest.raises(TicketError, match='the size of the output add is 1, and'):
        from_data(dict(data, outputs=['add']))


def test_a_second_image_is_refused(data):
    data = copy.deepcopy(data)
    data['nodes'].append(dict(name='other', op='image', inputs=[], channels=4))
    with pytest.raises(TicketError, match='the number of images is 2'):
        from_data(data)


def test_a_graph_that_compaction_makes_is_taken():
    from_data(compacted(make_block(3, 5, stride=2, transformer='all'))[1].architecture)
