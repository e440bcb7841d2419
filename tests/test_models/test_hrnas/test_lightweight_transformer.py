"""The Transformer path against a plain reference."""
import pytest
import torch
import torch.nn.functional as F
from small_nets import randomise_norms
from torch import nn

from mmst.models.hrnas.coordinate_map import coordinate_map
from mmst.models.hrnas.lightweight_transformer import LightweightTransformer
from mmst.search.surgery import Cut


class PlainReference:
    """Resize, coordinates, tokens, encoder layer, decoder layer without self-attention, back."""

    def __init__(self, path):
        self.path = path
        self.self_attention = multihead(path.encoder.attention)
        self.cross_attention = multihead(path.decoder.attention)

    def __call__(self, x, size):
        path = self.path
        x = F.interpolate(x, size=(8, 8), mode='bilinear', align_corners=False)
        x = torch.stack([torch.cat([image, *plain_coordinates()]) for image in x])
        tokens = path.input_bn(torch.einsum('tc,nchw->nthw', path.input_proj.weight[:, :, 0, 0], x))
        tokens = tokens.reshape(*tokens.shape[:2], 64)

        attended, _ = self.self_attention(tokens, tokens, tokens)
        memory = path.encoder.norm1(tokens + attended)
        memory = path.encoder.norm2(memory + feedforward(path.encoder, memory))

        queries = path.queries.expand(len(x), -1, -1)
        attended, _ = self.cross_attention(queries, memory, memory)
        out = path.decoder.norm1(memory + attended)
        out = path.decoder.norm2(out + feedforward(path.decoder, out))

        out = out.reshape(*out.shape[:2], 8, 8)
        out = torch.einsum('ct,nthw->nchw', path.output_proj.weight[:, :, 0, 0], out)
        out = path.output_bn(out)
        return F.interpolate(out, size=size, mode='bilinear', align_corners=False)


def plain_coordinates():
    """(1, 8, 8) maps that grow along the columns and down the rows."""
    axis = torch.arange(8, dtype=torch.float64)
    axis = (axis - axis.mean()) / axis.std(unbiased=False)
    return axis.reshape(1, 1, 8).expand(1, 8, 8), axis.reshape(1, 8, 1).expand(1, 8, 8)


def multihead(attention):
    module = nn.MultiheadAttention(64, 1, bias=False, batch_first=True).double().eval()
    state = dict(in_proj_weight=torch.cat([attention.query.weight, attention.key.weight,
                                           attention.value.weight]))
    state['out_proj.weight'] = attention.out.weight
    module.load_state_dict(state)
    return module


def feedforward(layer, x):
    first, last = [m for m in layer.feedforward if isinstance(m, nn.Linear)]
    return F.relu(x @ first.weight.T) @ last.weight.T


def make_path(in_channels=5, out_channels=7, tokens=6):
    path = LightweightTransformer(in_channels, out_channels, tokens).double()
    # Its own are rounded to float32, which would hide differences below 1e-7.
    path.coordinates = torch.cat(plain_coordinates())[None]
    return randomise_norms(path).eval()


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('tokens', [1, 6, 64])
@pytest.mark.parametrize('size', [(8, 8), (5, 11), (16, 24)])
def test_path_equals_the_plain_reference(tokens, size):
    path = make_path(tokens=tokens)
    x = torch.randn(2, 5, 9, 13, dtype=torch.float64)
    assert_same(path(x, size), PlainReference(path)(x, size))


def test_path_equals_the_plain_reference_after_tokens_are_removed():
    path = make_path()
    path.keep(torch.tensor([1, 2, 5]), Cut())
    x = torch.randn(2, 5, 9, 13, dtype=torch.float64)
    assert path.tokens == 3
    assert_same(path(x, (9, 13)), PlainReference(path)(x, (9, 13)))


def test_gradients_equal_those_of_the_plain_reference():
    path = make_path()
    x = torch.randn(2, 5, 9, 13, dtype=torch.float64)
    weights = torch.randn(2, 7, 9, 13, dtype=torch.float64)
    reference = PlainReference(path)
    shared = {'queries': path.queries, 'input': path.input_proj.weight,
              'scale': path.input_bn.weight}
    found = torch.autograd.grad((path(x, (9, 13)) * weights).sum(), shared.values())
    expected = torch.autograd.grad((reference(x, (9, 13)) * weights).sum(), shared.values())
    for name, a, b in zip(shared, found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9, msg=name)


def test_coordinates_grow_along_columns_then_rows_with_zero_mean_and_unit_deviation():
    coordinates = coordinate_map()[0].double()
    torch.testing.assert_close(coordinates, torch.cat(plain_coordinates()), rtol=0, atol=1e-6)
    assert (coordinates[0].diff(dim=1) > 0).all() and (coordinates[1].diff(dim=0) > 0).all()
    assert torch.allclose(coordinates.mean((1, 2)), torch.zeros(2, dtype=torch.float64), atol=1e-6)


def test_coordinates_are_not_saved():
    assert 'coordinates' not in LightweightTransformer(2, 3, 4).state_dict()


def test_dropout_of_a_tenth_acts_in_training_only():
    path = make_path(tokens=16)
    rates = [m.p for m in path.modules() if isinstance(m, nn.Dropout)]
    assert rates and set(rates) == {0.1}
    assert {path.encoder.attention.dropout, path.decoder.attention.dropout} == {0.1}
    x = torch.randn(4, 5, 8, 8, dtype=torch.float64)
    assert_same(path(x, (8, 8)), path(x, (8, 8)))
    path.train()
    assert not torch.equal(path(x, (8, 8)), path(x, (8, 8)))


def test_no_convolution_or_linear_layer_has_a_bias():
    layers = [m for m in make_path().modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 2 + 2 * (4 + 2)
    assert all(m.bias is None for m in layers)


def test_norms_keep_the_defaults_of_pytorch():
    norms = [m for m in make_path().modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 2
    assert all((bn.momentum, bn.eps) == (0.1, 1e-5) for bn in norms)


def test_output_can_be_negative():
    path = make_path()
    assert (path(torch.randn(2, 5, 8, 8, dtype=torch.float64), (8, 8)) < 0).any()


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_coordinates_follow_the_type_of_the_input(dtype):
    path = LightweightTransformer(2, 3, 4).to(dtype)
    assert path(torch.randn(2, 2, 5, 5, dtype=dtype), (5, 5)).dtype == dtype
