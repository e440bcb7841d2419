"""Search blocks compiled one by one."""
import copy

import pytest
import torch
from torch import nn

from mmst.kernels.compiled import BlockCompiler, shape_of
from mmst.kernels.ops import KernelOps
from mmst.models.hrnas.attention import Attention
from mmst.models.hrnas.search_block import SearchBlock
from mmst.search.surgery import Cut

pytestmark = pytest.mark.skipif(not hasattr(torch, 'compile'), reason='torch without compile')


class Counter:
    """A backend that runs graphs as they are and counts them."""

    def __init__(self):
        self.graphs = 0

    def __call__(self, graph, example_inputs):
        self.graphs += 1
        return graph.forward


@pytest.fixture(autouse=True)
def fresh():
    """No graphs of another test."""
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def three_blocks():
    """Two blocks of one shape, then one of another; each input wants gradients."""
    model = nn.Sequential(SearchBlock(4, 4, transformer='none', expand_ratio=1),
                          SearchBlock(4, 4, transformer='none', expand_ratio=1),
                          SearchBlock(4, 6, 2, transformer='none', expand_ratio=1))
    return model.train()


def compiled(model, backend):
    """The compiler that has compiled a model, and a copy of the model as it was."""
    plain, compiler = copy.deepcopy(model), BlockCompiler(backend)
    compiler(model)
    return compiler, plain


def assert_same_gradients(model, plain):
    x = image()
    for net in (model, plain):
        net(x).square().sum().backward()
    for (name, p), q in zip(plain.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(q.grad, p.grad, rtol=1e-4, atol=1e-4, msg=name)


def image(batch=2):
    return torch.randn(batch, 4, 8, 8).requires_grad_()


def test_blocks_of_one_shape_share_a_graph_and_a_cut_compiles_changed_blocks_only():
    model, backend, x = three_blocks(), Counter(), image()
    compiler, plain = compiled(model, backend)
    torch.testing.assert_close(model(x), plain(x))
    assert backend.graphs == 2
    model(x)
    assert backend.graphs == 2

    keep = torch.tensor([0, 2, 3, 5, 11])
    for net in (model, plain):
        net[1].mixconv.keep(keep, Cut())
    compiler(model)
    torch.testing.assert_close(model(x), plain(x))
    assert backend.graphs == 3
    assert len(compiler.functions) == 3

    for net in (model, plain):
        net[0].mixconv.keep(keep, Cut())
    compiler(model)
    torch.testing.assert_close(model(x), plain(x))
    assert backend.graphs == 3  # two blocks share a shape again
    assert len(compiler.functions) == 2


def test_gradients_and_statistics_are_those_of_the_plain_network():
    model = three_blocks()
    _, plain = compiled(model, 'aot_eager')
    assert_same_gradients(model, plain)
    for (name, p), q in zip(plain.named_buffers(), model.buffers(), strict=True):
        torch.testing.assert_close(q, p, msg=name)


def two_transformers():
    """Blocks of two shapes whose Transformers have as many tokens; nothing is dropped."""
    model = nn.Sequential(SearchBlock(4, 4, tokens=6), SearchBlock(4, 6, 2, tokens=6)).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.
        if isinstance(module, Attention):
            module.dropout = 0.
    return model


def test_transformers_of_as_many_tokens_share_a_graph():
    model, backend, x = two_transformers(), Counter(), image()
    compiler, plain = compiled(model, backend)
    torch.testing.assert_close(model(x), plain(x))
    assert backend.graphs == 3

    for net in (model, plain):
        net[1].transformer.keep(torch.tensor([0, 2, 5]), Cut())
    compiler(model)
    torch.testing.assert_close(model(x), plain(x))
    assert backend.graphs == 4

    for net in (model, plain):
        net[1].transformer.keep(torch.tensor([], dtype=torch.long), Cut())
    compiler(model)
    torch.testing.assert_close(model(x), plain(x))
    assert backend.graphs == 4


def test_gradients_of_compiled_transformers_are_those_of_plain_ones():
    model = two_transformers()
    _, plain = compiled(model, 'aot_eager')
    assert_same_gradients(model, plain)


def test_evaluation_is_not_compiled_and_copies_share_the_functions():
    model, backend = three_blocks(), Counter()
    BlockCompiler(backend)(model)
    twin = copy.deepcopy(model).eval()
    with torch.no_grad():
        twin(image())
    assert backend.graphs == 0
    assert twin[0].ops == model[0].ops and twin[0].ops.function is model[0].ops.function
    assert list(twin.state_dict()) == list(three_blocks().state_dict())


def test_shapes_tell_strides_kernels_and_frozen_weights_apart():
    blocks = [SearchBlock(4, 4, transformer='none') for _ in range(3)]
    blocks.append(SearchBlock(4, 4, 2, transformer='none'))
    blocks[1].mixconv.ops = KernelOps(('cpu', ))
    blocks[2].mixconv.expand.weight.requires_grad_(False)
    assert len({shape_of(block.mixconv) for block in blocks}) == 4
