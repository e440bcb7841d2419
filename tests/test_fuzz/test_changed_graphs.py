"""Compact networks whose graphs were changed: refused, or run alike by kernel and by torch."""
import copy
import functools

import torch
from compact_graphs import graph_of, make_block
from damage import cases
from hypothesis import given
from hypothesis import strategies as st
from sparse_nets import needs_kernel
from torch import nn

from mmst.deploy.compact import CompactNetwork
from mmst.deploy.compact.operations import OPERATIONS
from mmst.deploy.compact.rewrite import fixed_point
from mmst.deploy.sparse import SparseModel
from mmst.errors import MMSTError

WHICH = st.integers(0, 10**4)
VALUE = st.one_of(st.integers(-2, 9), st.sampled_from(
    [1000, 2**31, 2**40, 0.5, float('nan'), '1', None, True]))


@functools.cache
def whole():
    """A network of two compacted search blocks."""
    torch.manual_seed(0)
    blocks = make_block(3, 5, stride=2, transformer='all'), make_block(5, 5)
    return CompactNetwork.of(fixed_point(graph_of(*blocks))).float()


def change_setting(graph, which, place, value):
    """A setting, or one number of it where it is a list."""
    nodes = [node for node in graph['nodes'] if OPERATIONS[node['op']].settings]
    node = nodes[which % len(nodes)]
    key = list(OPERATIONS[node['op']].settings)[place % len(OPERATIONS[node['op']].settings)]
    if isinstance(node[key], list) and place % 3:
        node[key][place % len(node[key])] = value
    else:
        node[key] = [value] if place % 7 == 3 else value


def change_input(graph, which, place, source):
    number = which % (len(graph['nodes']) - 1) + 1
    node = graph['nodes'][number]
    node['inputs'].insert(place % 3, graph['nodes'][source % number]['name'])
    if place % 2:
        node['inputs'].pop()


def change_operation(graph, which, op, level):
    node = graph['nodes'][which % len(graph['nodes'])]
    node.update(op=op, size=level, level=level, channels=3)


CHANGE = st.one_of(
    st.builds(lambda *values: lambda graph: change_setting(graph, *values), WHICH, WHICH, VALUE),
    st.builds(lambda *values: lambda graph: change_input(graph, *values), WHICH, WHICH, WHICH),
    st.builds(lambda *values: lambda graph: change_operation(graph, *values), WHICH,
              st.sampled_from([*OPERATIONS]), st.integers(0, 3)))


@needs_kernel
@cases(100)
@given(st.lists(CHANGE, min_size=1, max_size=2))
def test_a_changed_graph_is_refused_or_runs_as_torch_runs_it(changes):
    graph = copy.deepcopy(whole().architecture)
    for change in changes:
        change(graph)
    x = torch.ones(1, 3, 24, 40)
    try:
        network = nn.Sequential(CompactNetwork(graph)).eval()
    except MMSTError as error:
        assert '\n' not in str(error)
        return
    network[0].load_state_dict(whole().state_dict(), strict=False)
    with torch.no_grad():
        exact = network(x)
    for found, wanted in zip(SparseModel(network)(x), exact, strict=True):
        assert torch.allclose(found, wanted, atol=1e-4 * float(wanted.abs().max()) + 1e-6)
