"""The kernel's search block against torch's, in float64."""
import pytest
import torch
from small_nets import randomise_norms

from mmst.deploy.sparse import block_plan
from mmst.deploy.sparse.engine_settings import EngineSettings
from mmst.deploy.sparse.library import kernel
from mmst.deploy.sparse.planes import in_planes, new_map
from mmst.deploy.sparse.sparse_block import SparseSearchBlock
from mmst.models import SearchBlock
from mmst.search.surgery import Cut

pytestmark = pytest.mark.skipif(kernel() is None, reason='no C++ compiler')


def make_block(channels, density=0.3, seed=0, **settings):
    """A block with random norms, of whose weights a random share is not zero."""
    torch.manual_seed(seed)
    block = randomise_norms(SearchBlock(*channels, expand_ratio=2, tokens=5, **settings)).eval()
    with torch.no_grad():
        for name, weight in block.named_parameters():
            if weight.dim() > 1 and 'queries' not in name:
                weight.mul_(torch.rand_like(weight) < density)
    return block


def relative_error(block, x, threads=1, gap=3):
    """Of the kernel, against float64; relative to the largest output."""
    with torch.no_grad():
        found = SparseSearchBlock(block, EngineSettings(gap=gap, threads=threads))(x)
        exact = block.double()(x.double())
    block.float()
    assert found.shape == exact.shape
    return float((found - exact).abs().max() / exact.abs().max().clamp(min=1e-30))


@pytest.mark.parametrize('size', [(1, 1), (2, 3), (5, 40), (13, 17), (37, 6)])
@pytest.mark.parametrize('stride', [1, 2])
def test_any_size_of_map_gives_the_block_output(size, stride):
    block = make_block((4, 6), stride=stride)
    assert relative_error(block, torch.randn(2, 4, *size)) < 1e-5


@pytest.mark.parametrize('density', [0., 0.05, 0.5, 1.])
@pytest.mark.parametrize('seed', range(3))
def test_any_mask_gives_the_block_output(density, seed):
    for channels, stride in (((4, 4), 1), ((4, 6), 2)):
        block = make_block(channels, density, seed, stride=stride)
        assert relative_error(block, torch.randn(1, 4, 12, 19)) < 1e-5


@pytest.mark.parametrize('kernel_sizes', [(3, ), (1, 5), (7, 3), (3, 5, 7, 9)])
def test_any_kernel_sizes_give_the_block_output(kernel_sizes):
    block = make_block((4, 4), kernel_sizes=kernel_sizes)
    assert relative_error(block, torch.randn(1, 4, 11, 10), gap=max(kernel_sizes) // 2) < 1e-5


@pytest.mark.parametrize('stride, size', [(1, (70, 50)), (2, (141, 100)), (2, (140, 99))])
def test_constant_channels_differ_at_the_border_of_large_maps_too(stride, size):
    block = make_block((3, 5), 0.5, stride=stride)
    with torch.no_grad():
        block.mixconv.expand.weight.zero_()
        block.mixconv.expand_bn.bias.fill_(2.)
    sparse = SparseSearchBlock(block, EngineSettings())
    assert not len(sparse.live.expand) and len(sparse.constant.expand)
    assert relative_error(block, torch.randn(1, 3, *size)) < 1e-5


@pytest.mark.parametrize('removed', ['channels', 'tokens', 'a kernel size', 'everything'])
def test_removed_paths_add_nothing(removed):
    block = make_block((4, 6), 0.5)
    none = torch.empty(0, dtype=torch.long)
    if removed in ('channels', 'everything'):
        block.mixconv.keep(none, Cut())
    if removed in ('tokens', 'everything'):
        block.transformer.keep(none, Cut())
    if removed == 'a kernel size':
        block.mixconv.keep(torch.arange(8, 24), Cut())
    assert relative_error(block, torch.randn(2, 4, 9, 14)) < 1e-5


def test_threads_change_nothing():
    block = make_block((4, 4))
    x = torch.randn(2, 4, 40, 70)
    with torch.no_grad():
        found = [SparseSearchBlock(block, EngineSettings(threads=n))(x) for n in (1, 3)]
    assert torch.allclose(*found, rtol=0, atol=1e-6 * float(found[0].abs().max()))


@pytest.mark.parametrize('channels, stride', [((4, 4), 1), ((4, 6), 2)])
@pytest.mark.parametrize('tile, least', [(64, 1), (64, 5), (256, 7), (16, 100), (256, 100)])
@pytest.mark.parametrize('threads', [1, 2])
def test_tiles_and_chunks_of_any_size_give_the_block_output(monkeypatch, channels, stride, tile,
                                                            least, threads):
    """Chunks of several kernel sizes among them, or one, and tiles that a kernel reaches beyond."""
    monkeypatch.setattr(block_plan, 'TILE', tile)
    monkeypatch.setattr(block_plan, 'CHUNK', 1)
    monkeypatch.setattr(block_plan, 'LEAST', least)
    block = make_block(channels, 0.4, stride=stride)
    for size in ((33, 20), (20, 47)):
        assert relative_error(block, torch.randn(2, 4, *size), threads=threads) < 1e-5


def without_hidden(density=0.5):
    """A block without its expansion: constant channels, residual and Transformer are left."""
    block = make_block((4, 4), density)
    with torch.no_grad():
        block.mixconv.expand.weight.zero_()
        block.mixconv.expand_bn.bias.fill_(2.)
    return block


@pytest.mark.parametrize('size', [(3, 4), (90, 70)])
@pytest.mark.parametrize('threads', [1, 3])
def test_blocks_that_only_add_to_a_map_can_write_over_it(size, threads):
    for _ in range(20 if threads > 1 else 1):
        x = in_planes(torch.randn(2, 4, *size), 3)
        block = SparseSearchBlock(without_hidden(), EngineSettings(threads=threads))
        expected = block(x)
        block.overwrite()
        assert block(x).data_ptr() == x.data_ptr() != expected.data_ptr()
        torch.testing.assert_close(x, expected, rtol=1e-5, atol=1e-5)


def test_blocks_that_read_their_neighbourhood_never_write_over_it():
    x = in_planes(torch.randn(1, 4, 8, 9), 3)
    for block in (make_block((4, 4)), make_block((4, 6)), make_block((4, 4), 0., stride=2)):
        sparse = SparseSearchBlock(block, EngineSettings())
        before, expected = x.clone(), sparse(x)
        sparse.overwrite()
        assert torch.equal(sparse(x), expected) and torch.equal(x, before)


def test_result_can_be_added_to_a_map():
    block = SparseSearchBlock(make_block((4, 4)), EngineSettings())
    x = torch.randn(1, 4, 8, 9)
    before = in_planes(torch.randn(1, 4, 8, 9), 3)
    expected = before + block(x)
    assert torch.allclose(block(x, before), expected, atol=1e-5)


def test_what_gaps_hold_does_not_matter():
    block = SparseSearchBlock(make_block((4, 4)), EngineSettings())
    x = torch.randn(1, 4, 8, 9)
    plan = block.plan((8, 9))
    dirty = new_map(1, 4, plan.out_layout)
    torch.as_strided(dirty, (4 * plan.out_layout.plane, ), (1, )).fill_(float('nan'))
    dirty.copy_(x)
    assert torch.equal(block(dirty), block(x))
