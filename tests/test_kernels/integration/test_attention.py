"""Attention by one product for keys and values, with a dimension of heads, as GPUs train it."""
import copy
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from published_form import MaskedLinear, published
from small_nets import randomise_norms
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmst.deploy.compact.token_mixer import CompactAttention
from mmst.kernels.ops import KernelOps
from mmst.models.hrnas.attention import Attention
from mmst.models.hrnas.lightweight_transformer import LightweightTransformer
from mmst.models.hrnas.ops import Ops, use_ops
from mmst.search.surgery import Cut

FUSED = KernelOps(('cpu', ), attention=('cpu', ))


def pair(tokens=6, dtype=torch.double):
    """The same path twice: by the layers, and fused."""
    torch.manual_seed(0)
    plain = randomise_norms(LightweightTransformer(5, 7, 6)).to(dtype)
    plain.keep(torch.arange(tokens), Cut())
    fused = copy.deepcopy(plain)
    use_ops(fused, FUSED)
    return plain, fused


def run(path, images=3):
    """Output and all gradients, dropout included."""
    torch.manual_seed(1)
    x = torch.randn(images, 5, 9, 11, dtype=torch.double, requires_grad=True)
    out = path(x, (9, 11))
    out.square().sum().backward()
    return dict(out=out, x=x.grad, **{name: p.grad for name, p in path.named_parameters()})


@pytest.mark.parametrize('tokens', [1, 4, 6])
@pytest.mark.parametrize('images', [1, 3])
def test_outputs_and_gradients_in_training_are_the_layers(tokens, images):
    plain, fused = (run(path, images) for path in pair(tokens))
    assert plain.keys() == fused.keys()
    for name, expected in plain.items():
        assert torch.allclose(fused[name], expected, rtol=0, atol=1e-9 * float(
            expected.detach().abs().max())), name


@pytest.mark.parametrize('dtype', [torch.float, torch.double])
@pytest.mark.parametrize('tokens', [1, 4, 6])
def test_every_bit_in_evaluation_is_the_published_forms_with_gradients_and_without(tokens, dtype):
    plain, fused = (path.eval() for path in pair(tokens, dtype))
    masked = published(nn.ModuleDict(dict(path=plain)), ['path'])['path']
    assert {type(layer) for layer in masked.encoder.attention.children()} == {MaskedLinear}
    x = torch.randn(2, 5, 9, 11, dtype=dtype)
    with torch.no_grad():
        expected = plain(x, (9, 11))
    for path in (plain, fused, masked):
        for needs in (False, True):
            assert torch.equal(path(x.clone().requires_grad_(needs), (9, 11)), expected)
        with torch.no_grad():
            assert torch.equal(path(x, (9, 11)), expected)


def test_every_bit_of_gradients_in_evaluation_is_the_layers():
    plain, fused = (run(path.eval()) for path in pair())
    assert all(torch.equal(plain[name], fused[name]) for name in plain)


def test_passes_of_training_are_the_same_to_the_bit_without_gradients():
    """As activation checkpoints need it, which run a pass without gradients and with them."""
    path = pair()[1]
    with torch.no_grad():
        torch.manual_seed(1)
        expected = path(torch.randn(3, 5, 9, 11, dtype=torch.double), (9, 11))
    assert torch.equal(run(path)['out'], expected)


def test_a_frozen_attention_in_a_network_in_training_computes_by_the_layers():
    plain, fused = pair()
    for path in (plain, fused):
        path.encoder.attention.eval(), path.decoder.attention.eval()
    assert torch.equal(run(plain)['out'], run(fused)['out'])


def test_inner_dimensions_and_scales_of_a_compacted_network_are_kept():
    torch.manual_seed(0)
    plain = CompactAttention(8, 3, 5, 0.7).double()
    fused = copy.deepcopy(plain)
    fused.ops = FUSED
    memory = torch.randn(2, 6, 8, dtype=torch.double, requires_grad=True)
    assert torch.allclose(fused(memory, memory), plain(memory, memory), rtol=0, atol=1e-12)


def test_layers_with_hooks_or_biases_are_called():
    calls = []
    for change in (lambda layer: layer.register_forward_hook(lambda *args: calls.append(args)),
                   lambda layer: layer.register_parameter('bias', nn.Parameter(torch.ones(8)))):
        plain = Attention(8, 0.)
        change(plain.key)
        fused = copy.deepcopy(plain)
        fused.ops = FUSED
        memory = torch.randn(2, 6, 8, requires_grad=True)
        assert torch.allclose(fused(memory, memory), plain(memory, memory))
    assert len(calls) == 2


class Products(TorchDispatchMode):
    """Counts products of matrices."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[str(func._overloadpacket)] += 1
        return func(*args, **(kwargs or {}))


def test_a_step_has_fewer_products():
    counts = []
    for path in pair():
        with Products() as products:
            run(path)
        counts.append(products.counts['aten.mm'])
    # Of each of two attentions: one product less forward, and two less backward.
    assert counts[1] == counts[0] - 6


def test_names_of_a_state_are_the_same_and_cpus_keep_to_the_layers():
    plain, fused = pair()
    assert list(plain.state_dict()) == list(fused.state_dict())
    use_ops(fused, KernelOps(('cpu', )))
    assert torch.equal(run(plain)['out'], run(fused)['out'])
    assert isinstance(fused.encoder.attention.ops, Ops)


def test_attention_has_a_dimension_of_heads_in_training(monkeypatch):
    _, fused = pair()
    ranks, real = [], F.scaled_dot_product_attention
    monkeypatch.setattr(F, 'scaled_dot_product_attention', lambda *inputs, **settings: (
        ranks.append({x.dim() for x in inputs}), real(*inputs, **settings))[1])
    run(fused)
    assert ranks and all(found == {4} for found in ranks), 'GPUs have no fast kernel for three'
