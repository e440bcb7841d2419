"""Costs of tickets: supernet, searched, sparse; per layer, block and part; memory."""
import pytest
import torch
from deploy_tickets import NARROW, small_ticket
from small_nets import NarrowModel, input_image, narrow_backbone
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmst.costs.cost import layer_costs, total
from mmst.costs.memory import peak_activations
from mmst.deploy.compact import compact
from mmst.deploy.ticket_cost import (
    block_of,
    config_cost,
    kept_weights,
    network_cost,
    original_name,
    ticket_costs,
)
from mmst.errors import ConfigError

SIZE = (40, 48)


@pytest.fixture(scope='module')
def ticket():
    # Made before a test is seeded. A few seeds fold all of a fusion into one map of biases, which
    # is a row of its own.
    torch.manual_seed(0)
    return small_ticket(sparsity=0.9)


@pytest.fixture(scope='module')
def report(ticket):
    return ticket_costs(ticket)


def torch_macs(model, image):
    """Half the FLOPs that torch counts for an image that is not the first of its size."""
    attention = pytest.importorskip('torch.nn.attention', reason='torch 2.3 has it')
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), attention.sdpa_kernel(attention.SDPBackend.MATH):
        model.eval()(image)
        with counter:
            model(image)
    return counter.get_total_flops() // 2


def test_supernet_and_searched_network_cost_what_torch_counts(ticket, report):
    image = torch.randn(1, 3, *SIZE)
    assert report.input_shape == SIZE
    assert report.searched.total()['macs'] == torch_macs(ticket.build(), image)
    full = small_ticket(sparsity=0.5, cut=0.)
    assert report.supernet.total()['macs'] == torch_macs(full.build(), image)
    assert report.supernet.total()['params'] == sum(
        p.numel() for p in full.build().parameters())


def test_sparse_costs_are_those_of_each_layer_and_no_global_share(ticket, report):
    sums = report.searched.total()
    by_hand = sum(c.macs * (float(ticket.mask[f'{c.name}.weight'].float().mean())
                            if f'{c.name}.weight' in ticket.mask else 1.)
                  for c in report.searched.layers)
    assert sums['sparse_macs'] == pytest.approx(by_hand)
    kept = sum(int(t.sum()) for t in ticket.mask.values())
    others = sums['params'] - sum(t.numel() for t in ticket.mask.values())
    assert sums['nonzero'] == kept + others


@pytest.mark.parametrize('by', ['parts', 'blocks'])
def test_parts_and_blocks_add_up(report, by):
    for network in (report.supernet, report.searched):
        sums = getattr(network, by)().values()
        for field, value in network.total().items():
            assert sum(s[field] for s in sums) == pytest.approx(value)


def test_parts_and_blocks_have_the_names_of_the_network(report):
    assert list(report.supernet.parts()) == ['backbone', 'neck', 'decode_head']
    blocks = report.supernet.blocks()
    assert {'backbone.stem.0', 'backbone.fusions.1.blocks.0.0', 'backbone.fusions.1.new_branch',
            'backbone.parallels.1.1.0', 'neck.block', 'decode_head.conv_seg'} == {
        name for name in blocks if 'parallels.0' not in name and 'fusions.0' not in name
        and 'parallels.1.0' not in name and 'stem.1' not in name}


def test_compacted_layers_are_recognised_by_the_blocks_that_they_come_from(ticket, report):
    costs = ticket_costs(compact(ticket))
    blocks = list(report.supernet.blocks())
    for name in costs.searched.blocks():  # what is left of a fusion may be a map of its biases
        assert name in blocks or any(block.startswith(f'{name}.') for block in blocks)
    assert set(costs.searched.parts()) == set(report.supernet.parts())
    assert costs.supernet is None
    assert original_name('backbone.nodes.neck/block/mixconv/expand3') == \
        'neck.block.mixconv.expand3'
    assert block_of('neck.block.mixconv.expand3') == 'neck.block'


def test_compaction_leaves_no_more_of_anything_than_the_mask_kept(ticket, report):
    after, before = ticket_costs(compact(ticket)).searched.total(), report.searched.total()
    assert after['params'] < before['params'] and after['macs'] < before['macs']
    assert after['sparse_macs'] <= before['sparse_macs']


def test_compacted_networks_cost_what_torch_counts(ticket):
    smaller = compact(ticket)
    model = smaller.build()
    counted = torch_macs(model, torch.randn(1, 3, *SIZE))
    assert network_cost(model, SIZE, kept_weights(smaller, model)).total()['macs'] == counted


def test_configs_cost_what_their_network_costs(ticket):
    model = dict(type='mmst.HRNASSupernet', **NARROW)
    expected = total(layer_costs(narrow_backbone(**{**NARROW, 'expand_ratio': 4}), SIZE))
    assert config_cost(model, SIZE).total() == expected


def test_tables_have_a_row_for_each_part_and_the_total(report):
    text = report.table()
    assert all(f' {name} ' in text for name in ('backbone', 'neck', 'decode_head', 'total'))
    assert f'{report.searched.total()["sparse_macs"] / 1e9:.5f}' in text
    assert len(report.table('layers').splitlines()) > len(report.table('blocks').splitlines())


@pytest.mark.parametrize('size', [(16, 16), (31, 57), (64, 32)])
def test_any_input_size(ticket, size):
    model = ticket.build()
    assert ticket_costs(ticket, size).searched.total()['macs'] == torch_macs(
        model, torch.randn(1, 3, *size))


def test_sizes_that_a_network_cannot_take_are_refused():
    with pytest.raises(ConfigError, match=r'--shape = .*Remedy: '):
        network_cost(nn.Conv2d(3, 3, 9), (4, 4))


# --------------------------------------------------------------------------------- memory


def test_peak_memory_of_a_chain_by_hand():
    """The image (3 maps) stays; at the ReLU its input (8) and output (8) are there too."""
    chain = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    assert peak_activations(chain, (10, 10)) == 4 * 100 * (3 + 8 + 8)


def test_in_place_operations_take_no_memory():
    chain = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(inplace=True), nn.Conv2d(8, 2, 1))
    assert peak_activations(chain, (10, 10)) == 4 * 100 * (3 + 8 + 2)


def test_views_and_half_precision_count_their_bytes_once():
    chain = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Flatten(), nn.Unflatten(1, (8, 100)))
    assert peak_activations(chain.to(torch.bfloat16), (10, 10)) == 2 * 100 * (3 + 8)


def test_memory_grows_with_the_image():
    model = NarrowModel()
    assert peak_activations(model, (64, 64)) > 3 * peak_activations(model, (32, 32))
    model(input_image())
