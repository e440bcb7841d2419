"""Tickets that are sealed, and say of themselves what no run would write."""
import copy
import math

import pytest
import torch
from any_nets import Residual
from damage import small_ticket
from limited import MB, limited

from mmst.errors import TicketError
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
from mmst.search.graph.described import KEY, attach_described, describe_channels
from mmst.tickets import Ticket

META = [
    ('sparsity', math.nan), ('sparsity', -0.1), ('sparsity', 1.5), ('sparsity', True),
    ('sparsity', 'most'), ('epoch', -1), ('epoch', 10**30), ('iter', 0.5), ('step', '3'),
    ('survivors', dict(a=[1, 0])), ('survivors', dict(a=[0, 0])), ('survivors', dict(a=[-1, 0])),
    ('survivors', dict(a=[0.5])), ('survivors', dict(a=3)), ('survivors', [0, 1]),
    ('survivors', {3: [0]}), ('survivors', dict(a=[0, 10**30])), ('supernet', dict(macs=math.nan)),
    ('supernet', dict(params=-1)), ('supernet', 3), ('input_shape', [0, 8]),
    ('input_shape', [8, 10**9]), ('input_shape', [8]),
    ('input_shape', 8), ('input_shape', 'ab'), ('imports', [3]),
    ('imports', 'os'), ('default_scope', 3), ('settings', [3]), ('dataset_meta', 'a'),
    ('dataset_meta', dict(classes=5)), ('dataset_meta', dict(classes=[['a']])),
    ('dataset_meta', dict(palette=7)), ('dataset_meta', dict(palette=[['a']])),
    ('dataset_meta', dict(palette=[[0, 0]])), ('dataset_meta', dict(palette=[[0, 0, 256]])),
    ('compacted', 3), ('compacted', dict(sparsity=math.nan))]


@pytest.mark.parametrize('key, value', META, ids=[f'{key} {value}' for key, value in META])
def test_facts_that_no_run_has_are_refused_as_the_ticket_is_loaded(tmp_path, key, value):
    ticket = small_ticket()
    path = tmp_path / 'ticket.pth'
    Ticket(ticket.model, ticket.state_dict, ticket.mask, dict(ticket.meta, **{key: value})).save(
        path)
    with pytest.raises(TicketError, match=f'its {key} is .* Remedy: ') as error:
        Ticket.load(path)
    assert '\n' not in str(error.value)


def test_facts_that_are_not_known_are_no_fault(tmp_path):
    ticket = small_ticket()
    unknown = dict.fromkeys(key for key, _ in META)
    Ticket(ticket.model, ticket.state_dict, ticket.mask, dict(ticket.meta, **unknown)).save(
        tmp_path / 'ticket.pth')
    assert Ticket.load(tmp_path / 'ticket.pth').meta['sparsity'] is None


@pytest.fixture(scope='module')
def channels():
    model = Residual()
    attach(model, find_plan(model, (16, 16)))
    return describe_channels(model)[KEY]


def first(data):
    return next(iter(data['groups'].values()))


def every_size(data, size):
    data['sizes'] = [[name, dim, size] for name, dim, _ in data['sizes']]


CHANNELS = dict(
    units_without_end=lambda d: first(d).update(units=10**12),
    half_a_unit=lambda d: first(d).update(units=2.5), no_unit=lambda d: first(d).update(units=0),
    less_than_no_unit=lambda d: first(d).update(units=-1),
    sizes_without_end=lambda d: (every_size(d, 10**12), first(d).update(units=10**12)),
    negative_sizes=lambda d: every_size(d, -1), words_as_sizes=lambda d: every_size(d, 'many'),
    infinite_sizes=lambda d: every_size(d, math.inf),
    unknown_module=lambda d: d['sizes'].append(['no.such.weight', 0, 3]),
    a_million_groups=lambda d: d['groups'].update(
        {f'g{i}': copy.deepcopy(first(d)) for i in range(1000)}),
    no_columns=lambda d: first(d)['members'][0].__setitem__(2, []),
    beyond_the_end=lambda d: first(d)['members'][0].__setitem__(2, [[3, 10**9]]),
    below_the_start=lambda d: first(d)['members'][0].__setitem__(2, [[-3, 1]]),
    all_on_one=lambda d: first(d)['members'][0].__setitem__(2, [[0, 0]]),
    another_dimension=lambda d: first(d)['members'][0].__setitem__(1, 9),
    a_list_for_a_dimension=lambda d: first(d)['members'][0].__setitem__(1, [0]),
    kernels_of_no_size=lambda d: first(d).update(kernel_size=math.nan),
    scales_elsewhere=lambda d: first(d).update(scales=[['no.such.weight', 0]]),
    used_nan_times=lambda d: d['used'].update({next(iter(d['used'])): math.nan}),
    no_groups=lambda d: d.pop('groups'), groups_in_a_list=lambda d: d.update(groups=[3]),
    used_a_word=lambda d: d.update(used='often'))


def refusal(data, part=None):
    network = Residual()
    before = {name: value.shape for name, value in network.state_dict().items()}
    try:
        attach_described(network, {KEY: data}, part)
    except TicketError as error:
        after = {name: value.shape for name, value in network.state_dict().items()}
        return str(error) if before == after else 'the network was changed'


@pytest.mark.parametrize('part', [None, 'backbone'])
@pytest.mark.parametrize('name', CHANNELS)
def test_channels_that_the_network_does_not_have_are_refused(channels, name, part):
    data = copy.deepcopy(channels)
    if part:
        data = under(data, f'{part}.')
    CHANNELS[name](data)
    problem = limited(refusal, data, part, memory=256 * MB)
    if part and name in ('unknown_module', 'scales_elsewhere'):
        return  # of another part: they are not looked at
    assert problem and 'Remedy: ' in problem and '\n' not in problem, problem


def under(data, prefix):
    """The same channels of a part of a larger network."""
    def named(sides):
        return [[prefix + name, *rest] for name, *rest in sides]

    groups = {prefix + name: dict(group, scales=named(group['scales']),
                                  members=named(group['members']))
              for name, group in data['groups'].items()}
    return dict(data, groups=groups, sizes=named(data['sizes']),
                used={prefix + name: times for name, times in data['used'].items()})


def test_whole_channels_are_taken(channels):
    assert refusal(copy.deepcopy(channels)) is None
    assert refusal(under(copy.deepcopy(channels), 'backbone.'), 'backbone') is None
    assert torch.is_tensor(Residual().stem[0].weight)
