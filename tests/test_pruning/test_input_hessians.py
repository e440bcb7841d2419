"""Second moments of inputs, as layers call torch with them."""
import pytest
import torch
from mmcv.cnn import build_conv_layer
from torch import nn

from mmst.errors import ConfigError
from mmst.pruning.input_hessians import BLOCK, EXACT, InputHessian, watch_inputs


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


class ByKeyword(nn.Linear):

    def forward(self, x):
        return super().forward(input=x)


class Called(nn.Conv2d):
    """Calls torch by itself, with settings that are not the layer's own."""

    def forward(self, x):
        return nn.functional.conv2d(x, weight=self.weight, bias=self.bias, stride=3, padding=1)


def adaptive(*args, **kwargs):
    return build_conv_layer(dict(type='Conv2dAdaptivePadding'), *args, **kwargs)


LAYERS = dict(
    pointwise=nn.Conv2d(6, 4, 1), strided=nn.Conv2d(6, 4, 1, 2), depthwise=nn.Conv2d(6, 6, 5, 1, 2,
                                                                                  groups=6),
    grouped=nn.Conv2d(6, 4, 3, 2, 1, groups=2), whole=nn.Conv2d(6, 4, 3, padding='same'),
    even=nn.Conv2d(6, 4, 4, padding='same'), valid=nn.Conv2d(6, 4, 4, padding='valid'),
    dilated=nn.Conv2d(6, 4, 3, padding=2, dilation=2),
    reflected=nn.Conv2d(6, 4, 3, padding=1, padding_mode='reflect'), linear=nn.Linear(6, 4),
    round=nn.Conv2d(6, 4, 4, padding='same', padding_mode='circular'), keyword=ByKeyword(6, 4),
    adaptive=adaptive(6, 4, 5, stride=2), adaptive_depthwise=adaptive(6, 6, 5, stride=2, groups=6),
    other_settings=Called(6, 4, 3), tall=nn.Conv2d(6, 4, (3, 1), (1, 2), (1, 0)))
SIZES = [(2, 6, 9, 11), (1, 6, 4, 4), (6, 9, 11)]


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('kind', LAYERS)
def test_a_layer_s_output_energy_is_that_of_its_hessian(kind, size):
    """Σ y² over all outputs is Σ wᵀ H w over rows: the windows are those that the layer sees."""
    layer = LAYERS[kind]
    nn.init.zeros_(layer.bias)
    x = torch.randn(2, 7, 6) if isinstance(layer, nn.Linear) else torch.randn(size)
    if x.dim() == 3 and kind.startswith('adaptive'):
        x = x[None]  # the layer itself asks for images
    with watch_inputs(layer, dict(weight=layer.weight)) as found:
        y = layer(x)
    hessian = found['weight']
    rows = layer.weight.detach().view(hessian.groups, -1, hessian.length)
    energy = torch.einsum('gri,gij,grj->', rows, hessian.blocks[0], rows)
    assert hessian.seen and energy == pytest.approx(float(y.square().sum()), rel=1e-4)


def by_definition(attention, query, key, value, mask):
    """What the last projection of an attention is multiplied with, from its other matrices."""
    packed, heads = attention.in_proj_weight, attention.num_heads
    matrices = packed.chunk(3) if packed is not None else (
        attention.q_proj_weight, attention.k_proj_weight, attention.v_proj_weight)
    q, k, v = (nn.functional.linear(x, matrix, bias).unflatten(-1, (heads, -1)).transpose(1, 2)
               for x, matrix, bias in zip((query, key, value), matrices,
                                          attention.in_proj_bias.chunk(3), strict=True))
    found = nn.functional.scaled_dot_product_attention(q, k, v, mask)
    return found.transpose(1, 2).flatten(2)


def second_moment(x):
    x = x.reshape(-1, x.shape[-1])
    return x.T @ x


@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('kind', ['itself', 'another', 'other_widths'])
def test_all_projections_of_an_attention_are_seen(kind, masked):
    widths = dict(kdim=5, vdim=7) if kind == 'other_widths' else {}
    layer = nn.MultiheadAttention(8, 2, batch_first=True, **widths).eval()
    nn.init.normal_(layer.in_proj_bias)
    query = torch.randn(2, 6, 8)
    key = query if kind == 'itself' else torch.randn(2, 9, widths.get('kdim', 8))
    value = query if kind == 'itself' else torch.randn(2, 9, widths.get('vdim', 8))
    mask = torch.randn(6, key.shape[1]) if masked else None
    with torch.no_grad(), watch_inputs(layer, dict(layer.named_parameters())) as found:
        layer(query, key, value, attn_mask=mask)
    heads = by_definition(layer, query, key, value, mask)
    names = [f'{n}_proj_weight' for n in 'qkv'] if widths else ['in_proj_weight']
    blocks = [block for name in names for block in found[name].blocks[0]]
    assert len(blocks) == 3
    for block, x in zip(blocks, (query, key, value), strict=True):
        assert torch.allclose(block, second_moment(x), rtol=1e-4, atol=1e-4)
    assert torch.allclose(found['out_proj.weight'].blocks[0][0], second_moment(heads), rtol=1e-4,
                          atol=1e-4)


def test_an_encoder_s_layer_of_torch_is_seen_whole_and_gives_what_it_gives():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = torch.randn(2, 6, 8)
    with torch.no_grad():
        wanted = layer(x)
        with watch_inputs(layer, dict(layer.named_parameters())) as found:
            assert torch.allclose(layer(x), wanted, atol=1e-6)
    assert {name: hessian.seen for name, hessian in found.items()} == {
        'self_attn.in_proj_weight': 12, 'self_attn.out_proj.weight': 12, 'linear1.weight': 12,
        'linear2.weight': 12}


def test_weights_that_a_layer_computes_anew_are_not_taken_for_its_own():
    layer = build_conv_layer(dict(type='ConvWS'), 6, 4, 3)
    with watch_inputs(layer, dict(weight=layer.weight)) as found:
        layer(torch.randn(2, 6, 9, 9))
    assert not found['weight'].seen


def test_a_layer_that_is_called_with_other_groups_is_refused_by_name():
    class Regrouped(nn.Conv2d):

        def forward(self, x):
            return nn.functional.conv2d(x, self.weight, groups=2)

    net = nn.Sequential(Regrouped(6, 4, 1))
    with pytest.raises(ConfigError, match=r"0\.weight .*leave_alone=\['0'\]"), watch_inputs(
            net, dict(net.named_parameters())):
        net(torch.randn(1, 12, 5, 5))


def test_a_layer_that_is_called_twice_has_the_inputs_of_both_calls():
    layer = nn.Linear(6, 6)
    with watch_inputs(layer, dict(weight=layer.weight)) as found:
        layer(layer(torch.randn(5, 6)))
    assert found['weight'].seen == 10


def test_a_compiled_network_has_the_inputs_of_a_plain_one():
    net, x = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), torch.randn(2, 3, 8, 8)
    hessians = []
    for run in (net, torch.compile(net, backend='eager')):
        with torch.no_grad():
            run(x)
            with watch_inputs(net, dict(net.named_parameters())) as found:
                run(x)
        hessians.append(found['0.weight'])
    plain, compiled = hessians
    assert plain.seen == compiled.seen
    assert torch.allclose(plain.blocks[0], compiled.blocks[0])


def test_long_rows_are_cut_into_blocks():
    whole, cut = (InputHessian(torch.zeros(2, length)) for length in (EXACT, EXACT + 1))
    assert [b.shape[-1] for b in whole.blocks] == [EXACT]
    assert [b.shape[-1] for b in cut.blocks] == [BLOCK, BLOCK, 1]


def test_large_maps_are_looked_at_in_a_grid():
    layer = nn.Conv2d(1, 1, 3, padding=1)
    with watch_inputs(layer, dict(weight=layer.weight)) as found:
        layer(torch.randn(1, 1, 100, 200))
    assert 200 < found['weight'].seen <= 1100


def test_nothing_is_watched_once_the_run_has_failed():
    layer = nn.Linear(6, 6)
    with pytest.raises(RuntimeError), watch_inputs(layer, dict(weight=layer.weight)) as found:
        raise RuntimeError
    layer(torch.randn(5, 6))
    assert not found['weight'].seen
