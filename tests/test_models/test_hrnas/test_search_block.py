"""The search block: the sum of its paths, what is left of it, and its shapes."""
import os
import subprocess
import sys

import pytest
import torch
from small_nets import initialised
from torch import nn

from mmst.models import SearchBlock
from mmst.models.hrnas.ops import Ops, use_ops
from mmst.search.surgery import Cut

SHAPES = [(6, 6, 1), (6, 9, 1), (4, 6, 2), (6, 6, 2)]


def make_block(in_channels=6, out_channels=6, stride=1, **kwargs):
    settings = dict(expand_ratio=2, tokens=5, **kwargs)
    return initialised(SearchBlock(in_channels, out_channels, stride, **settings))


def keep(block, channels=None, tokens=None):
    """Keep the given hidden channels and tokens."""
    if channels is not None:
        block.mixconv.keep(torch.as_tensor(channels, dtype=torch.long), Cut())
    if tokens is not None:
        block.transformer.keep(torch.as_tensor(tokens, dtype=torch.long), Cut())
    return block


@pytest.mark.parametrize('in_channels, out_channels, stride', SHAPES)
@pytest.mark.parametrize('size', [(8, 8), (7, 11), (1, 1), (33, 2)])
@pytest.mark.parametrize('batch', [1, 2])
def test_output_size_is_rounded_up(in_channels, out_channels, stride, size, batch):
    block = make_block(in_channels, out_channels, stride).eval()
    out = block(torch.randn(batch, in_channels, *size))
    assert out.shape == (batch, out_channels, *(-(-n // stride) for n in size))


@pytest.mark.parametrize('in_channels, out_channels, stride', SHAPES)
def test_output_is_the_sum_of_residual_transformer_and_mixconv(in_channels, out_channels, stride):
    block = make_block(in_channels, out_channels, stride).eval()
    x = torch.randn(2, in_channels, 9, 9)
    size = tuple(-(-n // stride) for n in (9, 9))
    shortcut = x if in_channels == out_channels and stride == 1 else block.residual(x)
    expected = shortcut + block.transformer(x, size) + block.mixconv(x)
    torch.testing.assert_close(block(x), expected)
    assert (block(x) < 0).any()


@pytest.mark.parametrize('in_channels, out_channels, groups', [(6, 9, 3), (24, 18, 6), (5, 7, 1),
                                                               (8, 8, 8)])
def test_residual_is_grouped_where_the_shape_changes(in_channels, out_channels, groups):
    residual = SearchBlock(in_channels, out_channels, stride=2).residual
    assert (residual.kernel_size, residual.stride) == ((1, 1), (2, 2))
    assert (residual.groups, residual.bias) == (groups, None)
    assert residual.weight.shape == (out_channels, in_channels // groups, 1, 1)


def test_residual_is_the_input_where_the_shape_stays():
    assert isinstance(SearchBlock(6, 6).residual, nn.Identity)


@pytest.mark.parametrize('transformer, preserving, changing', [
    ('all', True, True), ('shape_preserving', True, False), ('none', False, False)])
def test_transformer_is_built_where_chosen(transformer, preserving, changing):
    assert (SearchBlock(6, 6, transformer=transformer).transformer is not None) == preserving
    for shape in SHAPES[1:]:
        assert (SearchBlock(*shape, transformer=transformer).transformer is not None) == changing


@pytest.mark.parametrize('shape', SHAPES)
@pytest.mark.parametrize('channels, tokens', [
    (range(12, 36), None), (range(24, 36), [0, 4]), ([], None), (None, []), ([], [])],
    ids=['no 3x3', 'only 7x7', 'no channel', 'no token', 'nothing'])
def test_block_without_some_paths_still_trains(shape, channels, tokens):
    block = make_block(*shape)
    if channels:
        # The widths follow from the input channels: shapes differ in them.
        channels = torch.tensor(channels) * (6 * shape[0]) // 36
        channels = channels.unique()
    keep(block, channels, tokens)
    x = torch.randn(2, shape[0], 7, 7, requires_grad=True)
    out = block.train()(x)
    out.sum().backward()
    assert x.grad.abs().sum() > 0
    for p in block.parameters():
        assert p.requires_grad == bool(p.numel())
        assert p.grad is None or p.grad.shape == p.shape


@pytest.mark.parametrize('shape', SHAPES)
def test_block_without_units_is_its_residual(shape):
    block = keep(make_block(*shape), [], [])
    x = torch.randn(2, shape[0], 7, 7)
    assert torch.equal(block(x), block.residual(x))


@pytest.mark.parametrize('path', ['mixconv', 'transformer'])
def test_dead_path_holds_only_zero_size_tensors_that_require_no_gradient(path):
    block = keep(make_block(6, 9, 2), [], [])
    dead = getattr(block, path)
    assert not dead
    assert [name for name, p in dead.named_parameters() if p.numel() or p.requires_grad] == []
    assert [name for name, b in dead.state_dict().items() if b.dim() and b.numel()] == []


def test_widths_name_channels_by_kernel_size_and_tokens():
    block = make_block()
    assert block.widths() == dict(channels={3: 12, 5: 12, 7: 12}, tokens=5)
    keep(block, [0, 1, 35], [2])
    assert block.widths() == dict(channels={3: 2, 5: 0, 7: 1}, tokens=1)
    assert make_block(transformer='none').widths()['tokens'] == 0


def test_kernel_sizes_can_be_others():
    block = make_block(kernel_sizes=(3, 9)).eval()
    assert block.widths()['channels'] == {3: 12, 9: 12}
    assert block(torch.randn(1, 6, 5, 5)).shape == (1, 6, 5, 5)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_block_trains_in_either_precision(dtype):
    block = make_block().to(dtype).train()
    out = block(torch.randn(2, 6, 8, 8, dtype=dtype))
    out.square().mean().backward()
    assert out.dtype == dtype
    assert all(p.grad is not None and p.grad.isfinite().all() for p in block.parameters())


def test_dropout_is_active_in_training_only():
    block = make_block(6, 6)
    x = torch.randn(2, 6, 8, 8)
    block.train()
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))


class Recording(Ops):
    """The reference; it notes which of its functions are called, and for which of the layers."""

    def __init__(self, block):
        self.names = {module: name for name, module in block.named_modules()}
        self.calls = []

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name.startswith('_') or not callable(found):
            return found

        def note(*args):
            layers = [self.names[arg] for arg in args if arg in self.names]
            self.calls.append((name, *layers))
            return found(*args)

        return note


def test_each_norm_convolution_and_attention_is_computed_by_the_set():
    block = make_block().train()
    ops, x = Recording(block), torch.randn(2, 6, 8, 8)
    use_ops(block, ops)
    block(x)
    assert ops.calls[0] == ('residual', 'residual') and {name for name, *_ in ops.calls} == {
        name for name in vars(Ops) if not name.startswith('_')} - {'side_by_side'}  # of blocks
    layers = {layer for _, *found in ops.calls for layer in found}
    kinds = (nn.BatchNorm2d, nn.LayerNorm, nn.Conv2d)
    within = [name for name, module in block.named_modules() if isinstance(module, kinds)]
    assert within and all(name in layers or name.rpartition('.')[0] in layers for name in within)
    assert sum(name == 'attend' for name, *_ in ops.calls) == 2


def test_a_set_changes_neither_outputs_nor_other_blocks():
    block, other = make_block().eval(), make_block()
    x = torch.randn(2, 6, 8, 8)
    expected = block(x)
    use_ops(block, Ops())
    assert torch.equal(block(x), expected)
    assert 'ops' not in vars(other) and 'ops' in vars(block)


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('channels, mode', [(4, True), (7, True), (4, False)])
def test_gradients_of_a_strided_residual_of_few_channels_keep_to_their_memory_by_avx2(
        channels, mode):
    # In a process of its own: where memory is written over, it ends by a signal.
    code = f'''
import torch
from mmst.models.hrnas.search_block import SearchBlock
block = SearchBlock({channels}, 9, 2, transformer='none').to(memory_format=torch.channels_last)
block.train({mode})  # gradients are scores in evaluation, too
for _ in range(30):
    x = torch.randn(2, {channels}, 8, 16).contiguous(memory_format=torch.channels_last)
    block(x).sum().backward()
    others = [torch.randn(n) for n in range(1, 150)]
print('trained')
'''
    ended = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], text=True, timeout=300,
                           env={**os.environ, 'ONEDNN_MAX_CPU_ISA': 'AVX2', 'OMP_NUM_THREADS': '1'},
                           capture_output=True)
    assert (ended.returncode, ended.stdout) == (0, 'trained\n'), ended.stderr


@pytest.mark.parametrize('height, width', [(8, 16), (7, 5)])
def test_a_strided_residual_of_few_channels_is_its_convolution(height, width):
    block = SearchBlock(4, 9, 2, transformer='none').double()
    found = []
    for residual in (block.ops.residual, lambda conv, x: conv(x)):
        torch.manual_seed(0)
        x = torch.randn(2, 4, height, width, dtype=torch.float64, requires_grad=True)
        y = residual(block.residual, x)
        found.append([y, *torch.autograd.grad(y.square().sum(), [x, block.residual.weight])])
    for ours, convolved in zip(*found, strict=True):
        torch.testing.assert_close(ours, convolved, rtol=1e-12, atol=1e-12)
