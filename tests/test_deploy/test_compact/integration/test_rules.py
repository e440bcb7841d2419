"""Each rule of removal on its own: what it removes, and that nothing else changes."""
import pytest
import torch
from compact_graphs import channels, compacted, difference, graph_of, make_block
from small_nets import initialised

from mmst.deploy.compact import CompactNetwork
from mmst.deploy.compact.shapes import static

SIZES = [(1, 1), (2, 3), (5, 7), (16, 9)]


def hidden(block, kernel):
    """Slice of the hidden channels of a kernel size."""
    sizes = [conv.kernel_size[0] for conv in block.mixconv.depthwise]
    start = sum(block.mixconv.widths[:sizes.index(kernel)])
    return slice(start, start + block.mixconv.widths[sizes.index(kernel)])


def first(block, kernel, count=2):
    """The first hidden channels of a kernel size."""
    start = hidden(block, kernel).start
    return slice(start, start + count)


def check(blocks, sizes=SIZES):
    """Compact and compare at several sizes; gives the graph."""
    graph, network = compacted(*blocks)
    original = torch.nn.Sequential(*blocks)
    for size in sizes:
        assert difference(original, network, *size) < 1e-9
    return graph


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('transformer', ['none', 'all'])
def test_lowering_alone_folds_bn_and_changes_nothing(stride, transformer):
    block = make_block(3, 5, stride, transformer=transformer)
    network = CompactNetwork.of(graph_of(block))
    assert max(difference(block, network, *size) for size in SIZES) < 1e-9
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


def test_channels_without_live_output_go():
    block = make_block(3, 5)
    block.mixconv.project.weight.data[:, first(block, 5)] = 0
    found = channels(check([block]))
    assert found['block0/mixconv/expand5'] == found['block0/mixconv/depthwise5'] == 4
    assert found['block0/mixconv/expand3'] == 6


def test_channels_without_live_input_and_nothing_left_of_them_go():
    block = make_block(3, 5)
    block.mixconv.expand.weight.data[first(block, 7)] = 0
    block.mixconv.expand_bn.bias.data[first(block, 7)] = -5
    graph = check([block])
    assert channels(graph)['block0/mixconv/expand7'] == 4
    assert channels(graph, static=True) == {}


@pytest.mark.parametrize('kernel', [3, 5, 7])
@pytest.mark.parametrize('stride', [1, 2])
def test_positive_constants_before_a_padded_convolution_are_exact_at_borders(kernel, stride):
    block = make_block(3, 5, stride)
    gone = first(block, kernel)
    block.mixconv.expand.weight.data[gone] = 0
    block.mixconv.expand_bn.bias.data[gone] = 2.
    block.mixconv.depthwise_bn.bias.data[gone] = 1.
    graph = check([block], [(h, w) for h in (1, 2, 3, 4, 9, 16) for w in (1, 5, 8)])
    assert channels(graph)[f'block0/mixconv/depthwise{kernel}'] == 4
    assert sum(channels(graph, static=True).values()) > 0


def test_constants_whose_depthwise_taps_stay_inside_need_no_border_map():
    block = make_block(3, 5)
    gone = first(block, 3)
    block.mixconv.expand.weight.data[gone] = 0
    block.mixconv.expand_bn.bias.data[gone] = 2.
    taps = block.mixconv.depthwise[0].weight.data[:2]
    taps[:, :, [0, 0, 2, 2], [0, 2, 0, 2]] = taps[:, :, 0, 1] = taps[:, :, 2, 1] = 0.
    taps[:, :, 1, 0] = taps[:, :, 1, 2] = 0.
    graph = check([block])
    assert channels(graph)['block0/mixconv/depthwise3'] == 4
    assert channels(graph, static=True) == {}


def test_border_maps_that_no_relu_lets_through_go():
    block = make_block(3, 5)
    gone = first(block, 5)
    block.mixconv.expand.weight.data[gone] = 0
    block.mixconv.expand_bn.bias.data[gone] = 2.
    block.mixconv.depthwise_bn.bias.data[gone] = -1000.
    graph = check([block])
    assert channels(graph, static=True) == {}
    assert channels(graph)['block0/mixconv/expand5'] == 4


def test_channels_without_depthwise_taps_are_constants():
    block = make_block(3, 5)
    block.mixconv.depthwise[2].weight.data[:3] = 0
    found = channels(check([block]))
    assert found['block0/mixconv/expand7'] == found['block0/mixconv/depthwise7'] == 3


def test_bn_scales_of_zero_make_channels_constant():
    block = make_block(3, 5)
    block.mixconv.depthwise_bn.weight.data[hidden(block, 3)] = 0
    assert not any('3' in name for name in channels(check([block])) if 'depthwise' in name)


def test_channels_that_the_next_block_does_not_read_go_from_the_block_before():
    blocks = [make_block(3, 6), make_block(6, 2)]
    for weight in (blocks[1].mixconv.expand.weight, blocks[1].residual.weight):
        weight.data[:] = 0 if weight is blocks[1].residual.weight else weight.data
    blocks[1].mixconv.expand.weight.data[:, [1, 4]] = 0
    found = channels(check(blocks))
    assert found['block0/mixconv/project3'] == 4


def test_constants_go_on_through_blocks():
    blocks = [make_block(3, 6), make_block(6, 6), make_block(6, 4)]
    first_block = blocks[0]
    first_block.mixconv.project.weight.data[2] = 0
    first_block.residual.weight.data[2] = 0
    blocks[1].mixconv.project.weight.data[2] = 0
    graph = check(blocks)
    assert channels(graph)['block1/mixconv/project3'] == 5


def test_border_maps_go_on_through_blocks():
    blocks = [make_block(3, 4), make_block(4, 4, 2), make_block(4, 5)]
    mixconv = blocks[0].mixconv
    mixconv.expand.weight.data.zero_()
    mixconv.expand_bn.bias.data.fill_(1.5)
    blocks[0].residual.weight.data[:2] = 0
    graph = check(blocks, [(1, 1), (4, 6), (13, 8)])
    assert not any(name.startswith('block0/mixconv') for name in channels(graph))


def test_a_block_of_which_only_the_residual_is_left():
    blocks = [make_block(3, 3, transformer='all'), make_block(3, 6, 2, transformer='all')]
    for block in blocks:
        block.resize({3: 0, 5: 0, 7: 0}, 0)
    graph = check(blocks)
    assert list(channels(graph)) == ['block1/residual']


@pytest.mark.parametrize('widths', [{3: 0, 5: 3, 7: 0}, {3: 1, 5: 0, 7: 6}])
def test_kernel_sizes_without_channels(widths):
    block = make_block(3, 5)
    block.resize(widths, 0)
    initialised(block)
    assert len(channels(check([block]))) == 3 * sum(map(bool, widths.values())) + 1


def test_a_network_that_is_constant_becomes_its_constant():
    block = make_block(3, 5)
    for conv in (block.mixconv.expand, block.residual):
        conv.weight.data.zero_()
    block.mixconv.expand_bn.bias.data.fill_(-1.)
    assert channels(check([block])) == {}


# ---------------------------------------------------------------------------- Transformers


def transformer_block(in_channels=3, out_channels=5):
    return make_block(in_channels, out_channels, transformer='all')


def mixer(graph):
    return next((n for n in graph if n.op == 'mixer'), None)


def test_tokens_that_no_channel_reads_lose_their_rows_but_stay_keys():
    block = transformer_block()
    block.transformer.output_proj.weight.data[:, [0, 2]] = 0
    node = mixer(check([block]))
    assert node.settings['tokens'] == 4 and node.settings['decoder_rows'] == [1, 3]
    assert len(node.tensors['queries']) == 2


def test_tokens_without_readers_go_where_no_attention_is_left():
    block = transformer_block()
    block.transformer.output_proj.weight.data[:, [0, 2]] = 0
    for layer in (block.transformer.encoder, block.transformer.decoder):
        layer.attention.value.weight.data.zero_()
    node = mixer(check([block]))
    assert node.settings['tokens'] == 2
    assert not any('attention' in name or name == 'queries' for name in node.tensors)


def test_inner_dimensions_of_attention_and_feed_forward_go_in_pairs():
    block = transformer_block()
    layer = block.transformer.encoder
    layer.attention.query.weight.data[:10] = 0
    layer.attention.key.weight.data[5:20] = 0
    layer.attention.value.weight.data[:7] = 0
    layer.attention.out.weight.data[:, 60:] = 0
    layer.feedforward[0].weight.data[:3] = 0
    layer.feedforward[3].weight.data[:, 10:12] = 0
    shapes = {name: tuple(t.shape) for name, t in mixer(check([block])).tensors.items()}
    assert shapes['encoder.attention.query.weight'] == (44, 64)
    assert shapes['encoder.attention.out.weight'] == (64, 53)
    assert shapes['encoder.feedforward.3.weight'] == (64, 59)
    assert shapes['decoder.attention.query.weight'] == (64, 64)


def test_scores_that_are_all_equal_stay_so():
    block = transformer_block()
    block.transformer.decoder.attention.key.weight.data.zero_()
    assert mixer(check([block])).tensors['decoder.attention.key.weight'].shape == (1, 64)


def test_tokens_without_live_input_stay_exact():
    block = transformer_block()
    block.transformer.input_proj.weight.data[1] = 0
    block.transformer.input_proj.weight.data[2, -2:] = 0
    assert mixer(check([block])).settings['tokens'] == 4


def test_a_transformer_that_reads_no_image_is_computed_once():
    block = transformer_block()
    block.transformer.input_proj.weight.data[:, :3] = 0
    graph = check([block])
    assert static(graph)[mixer(graph).name]


def test_a_transformer_that_no_channel_reads_goes():
    block = transformer_block()
    block.transformer.output_proj.weight.data.zero_()
    assert mixer(check([block])) is None


def test_padding_to_the_largest_multiple_ends():
    from deploy_tickets import small_ticket

    from mmst.deploy.compact import compact
    from mmst.deploy.compact.compact import MOST
    ticket = compact(small_ticket(sparsity=0.9), MOST)
    widths = [m.out_channels for m in ticket.build().backbone.modules() if hasattr(m, 'groups')]
    assert MOST in widths
