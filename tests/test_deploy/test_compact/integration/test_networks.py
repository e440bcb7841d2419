"""All rules together, on whole networks with random masks, widths and sizes."""
import pytest
import torch
from compact_graphs import SMALL, difference, narrow_pair, prune_at_random
from hypothesis import given, settings
from hypothesis import strategies as st
from small_nets import initialised
from torch import nn

from mmst.deploy.compact import CompactNetwork, compact_graph
from mmst.deploy.compact.lower import lower
from mmst.deploy.compact.shapes import widths
from mmst.errors import ConfigError, TicketError
from mmst.models import ClassificationNeck


class Chain(nn.Module):
    """Neck behind backbone."""

    def __init__(self, backbone, neck):
        super().__init__()
        self.backbone, self.neck = backbone, neck

    def forward(self, x):
        out = self.backbone(x)
        return out if self.neck is None else self.neck(out)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 0.98), st.floats(0., 1.), st.tuples(
    st.integers(3, 45), st.integers(3, 45)), st.sampled_from([1, 1, 4]), st.booleans())
def test_outputs_agree_whatever_is_pruned_or_removed(seed, sparsity, cut, size, multiple, neck):
    torch.manual_seed(seed)
    backbone, below = narrow_pair(cut=cut, neck=neck)
    prune_at_random([backbone, below], sparsity)
    network = CompactNetwork.of(compact_graph(backbone, below, multiple))
    assert difference(Chain(backbone, below), network, *size) < 1e-9


@pytest.mark.parametrize('multiple', [1, 8])
def test_a_compacted_network_stays_as_it_is(multiple):
    backbone, neck = narrow_pair()
    prune_at_random([backbone, neck], 0.7)
    once = CompactNetwork.of(compact_graph(backbone, neck, multiple))
    twice = CompactNetwork.of(compact_graph(once, None, multiple))
    assert twice.architecture == once.architecture
    assert all(torch.equal(a, b) for a, b in zip(
        once.state_dict().values(), twice.state_dict().values(), strict=True))


def test_single_precision_agrees_to_rounding():
    backbone, neck = narrow_pair(cut=0.)
    prune_at_random([backbone, neck], 0.8)
    backbone.float(), neck.float()
    image = torch.randn(2, 3, 41, 30)
    with torch.no_grad():
        expected, = neck(backbone(image))
        found, = CompactNetwork.of(compact_graph(backbone, neck))(image)
    assert found.dtype == torch.float32
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4


def test_nothing_is_removed_from_a_network_in_which_all_is_live():
    backbone, neck = narrow_pair(cut=0.)
    graph = compact_graph(backbone, neck)
    before = sum(layer.weight.numel() for m in (backbone, neck) for layer in m.modules()
                 if isinstance(layer, (nn.Conv2d, nn.Linear)))
    after = sum(t.numel() for n in graph for name, t in n.tensors.items()
                if t.dim() > 1 and name != 'queries')
    assert after == before


def test_pruning_makes_the_network_smaller():
    sizes = []
    for share in (0.6, 0.8, 0.95):
        torch.manual_seed(2)
        backbone, neck = narrow_pair('none', cut=0.)
        prune_at_random([backbone, neck], share)
        graph = compact_graph(backbone, neck)
        sizes.append(sum(t.numel() for n in graph for t in n.tensors.values()))
    assert sizes[0] > sizes[1] > sizes[2]


def test_channel_counts_are_multiples_where_something_is_padded():
    backbone, neck = narrow_pair('none')
    prune_at_random([backbone, neck], 0.7)
    graph = compact_graph(backbone, neck, 8)
    count = widths(graph)
    assert {count[n.name] % 8 for n in graph if 'expand' in n.name or 'depthwise' in n.name} == {0}
    assert count[graph.outputs[0]] == 7


def test_maps_that_do_not_depend_on_the_image_are_computed_once_per_size():
    backbone, neck = narrow_pair('none', cut=0.)
    prune_at_random([backbone, neck], 0.85)
    network = CompactNetwork.of(compact_graph(backbone, neck))
    convs = [m for m in network.modules() if type(m).__name__ == 'StaticConv']
    calls = []
    convs[0].register_forward_hook(lambda *args: calls.append(1))
    with torch.no_grad():
        for size in ((20, 20), (20, 20), (24, 20), (20, 20)):
            network(torch.randn(1, 3, *size).double())
    assert len(calls) == 2


def test_other_weights_make_other_maps():
    backbone, neck = narrow_pair('none', cut=0.)
    prune_at_random([backbone, neck], 0.85)
    network = CompactNetwork.of(compact_graph(backbone, neck))
    image = torch.randn(1, 3, 20, 20).double()
    with torch.no_grad():
        before, = network(image)
        network.load_state_dict({k: 2 * v for k, v in network.state_dict().items()})
        after, = network(image)
        fresh, = CompactNetwork.of(network.to_graph())(image)
    assert not torch.equal(before, after) and torch.equal(after, fresh)


def test_gradients_reach_all_weights():
    backbone, neck = narrow_pair('none')
    prune_at_random([backbone, neck], 0.6)
    network = CompactNetwork.of(compact_graph(backbone, neck))
    network.train()(torch.randn(2, 3, 20, 20).double())[0].square().sum().backward()
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize('pool', [True, False])
def test_the_classification_neck(pool):
    backbone, _ = narrow_pair(neck=False)
    neck = initialised(ClassificationNeck((4, 6), (6, 8), 10, pool, expand_ratio=2,
                                          tokens=4)).double().eval()
    prune_at_random([backbone, neck], 0.6)
    network = CompactNetwork.of(compact_graph(backbone, neck))
    assert difference(Chain(backbone, neck), network, 33, 21) < 1e-9


@pytest.mark.parametrize('multiple', [1, 8])
@pytest.mark.parametrize('live', [0, 1])
def test_a_pool_of_one_live_channel_or_of_none(live, multiple):
    backbone, _ = narrow_pair(neck=False, **SMALL)
    neck = initialised(ClassificationNeck((4, 6), (6, 8), 10, expand_ratio=2, tokens=4))
    neck = neck.double().eval()
    neck.final.conv.weight.data[live:].zero_()
    neck.final.bn.bias.data[:5] = 1.  # some of the others are positive constants
    graph = compact_graph(backbone, neck, multiple)
    assert any(node.op == 'image' for node in graph) == bool(live)
    network = CompactNetwork.of(graph)
    for size in ((33, 21), (64, 64), (5, 7)):
        assert difference(Chain(backbone, neck), network, *size) < 1e-9
    again = CompactNetwork.of(compact_graph(network, None, multiple))
    assert again.architecture == network.architecture


@pytest.mark.parametrize('multiple', [0, -1, 1.5, True, '8'])
def test_multiples_that_are_none_are_refused(multiple):
    with pytest.raises(ConfigError, match=r'multiple = .* whole number'):
        compact_graph(narrow_pair(neck=False, **SMALL)[0], None, multiple)


def test_other_networks_are_refused():
    with pytest.raises(TicketError, match=r'a Conv2d cannot be compacted. Remedy: '):
        lower(nn.Conv2d(3, 3, 1))
