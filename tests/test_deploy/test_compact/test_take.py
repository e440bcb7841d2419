"""Channels are taken as slices, where they follow each other."""
import pytest
import torch

from mmst.deploy.compact.take import order_of_put, put, runs, take


def test_runs_of_an_index_are_found():
    assert runs([0, 1, 2]) == [(0, 3)]
    assert runs([1, 3, 4, 7]) == [(1, 2), (3, 5), (7, 8)]
    assert runs([1, 0]) == [(1, 2), (0, 1)]
    for index in ([], [2, 2]):
        assert runs(index) is None


@pytest.mark.parametrize('index', [[0, 1, 2, 3, 4], [1, 2], [0, 2, 3], [4], [3, 1], [2, 2], []])
def test_entries_are_those_of_an_index(index):
    x = torch.randn(2, 5, 3)
    assert torch.equal(take(x, index), x[:, index])


@pytest.mark.parametrize('index', [[0, 1, 2], [1, 2, 4], [4, 0, 2], [0, 3, 4]])
@pytest.mark.parametrize('axes', [(3, ), (3, 2), ()])
def test_entries_are_put_among_zeros(index, axes):
    x, expected = torch.randn(2, 3, *axes), torch.zeros(2, 5, *axes)
    expected[:, index] = x
    assert torch.equal(put(x, index, 5), expected)
    assert sorted(order_of_put(index, 5)) == list(range(5))


def test_a_traced_network_has_no_index_where_slices_do():
    class Taking(torch.nn.Module):

        def forward(self, x):
            return take(x, [1, 2, 4]) + 1

    program = torch.export.export(Taking(), (torch.randn(2, 5, 3), ))
    kinds = {str(node.target) for node in program.graph.nodes}
    assert 'aten.slice.Tensor' in kinds and not any('index' in kind for kind in kinds)
    assert not any(kind.startswith('aten.detach') for kind in kinds)
