"""Stem and dense-prediction neck by the kernel against torch's, in float64."""
import pytest
import torch
from small_nets import randomise_norms
from torch import nn

from mmst.deploy.sparse import block_plan
from mmst.deploy.sparse.engine_settings import EngineSettings
from mmst.deploy.sparse.library import kernel
from mmst.deploy.sparse.sparse_neck import SparseDenseNeck
from mmst.deploy.sparse.sparse_stem import SparseStem
from mmst.deploy.sparse.sparsify import sparsify
from mmst.models import DensePredictionNeck
from mmst.models.hrnas.hrnas_supernet import ConvBNReLU
from mmst.search.surgery import Cut

pytestmark = pytest.mark.skipif(kernel() is None, reason='no C++ compiler')
COUNTS = (3, 4, 5)


def thinned(module, density):
    """The module with random norms, of whose weights a random share is not zero."""
    torch.manual_seed(0)
    randomise_norms(module).eval()
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.dim() > 1 and 'queries' not in name:
                weight.mul_(torch.rand_like(weight) < density)
    return module


def make_stem(sizes=(3, 3), density=0.4):
    return thinned(nn.Sequential(ConvBNReLU(3, 5, sizes[0], 2), ConvBNReLU(5, 4, sizes[1], 2)),
                   density)


def assert_close(found, expected):
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


@pytest.mark.parametrize('size', [(1, 1), (2, 5), (7, 4), (33, 50), (70, 39), (64, 128)])
def test_stem_of_any_size_of_image(size):
    stem, x = make_stem(), torch.randn(2, 3, *size)
    found = SparseStem(stem, EngineSettings(threads=2))(x)
    with torch.no_grad():
        assert_close(found, stem.double()(x.double()))


@pytest.mark.parametrize('sizes, density', [
    ((3, 3), 0.), ((3, 3), 0.05), ((3, 3), 1.), ((5, 3), 0.3), ((3, 5), 0.3), ((1, 1), 0.5)])
def test_stem_of_any_mask_and_kernel_size(sizes, density):
    stem, x = make_stem(sizes, density), torch.randn(1, 3, 40, 27)
    found = SparseStem(stem, EngineSettings())(x)
    with torch.no_grad():
        assert_close(found, stem.double()(x.double()))


def test_stem_channels_that_nothing_reads_are_not_computed():
    stem = make_stem(density=1.)
    with torch.no_grad():
        stem[1].conv.weight[:, 1:] = 0
        stem[1].conv.weight[:, 0, 1:] = 0
        stem[1].conv.weight[:, 0, :, 1:] = 0  # one tap: odd rows and columns of one channel
    sparse = SparseStem(stem, EngineSettings())
    assert sparse.plan((32, 32))[0].inner == 1


def make_neck(transformer, density):
    return thinned(
        DensePredictionNeck(COUNTS, 6, expand_ratio=2, transformer=transformer, tokens=4), density)


def check_neck(neck, size, threads=2):
    inputs = [torch.randn(2, count, -(-size[0] // 2**i), -(-size[1] // 2**i))
              for i, count in enumerate(COUNTS)]
    holder = nn.Sequential(neck)
    with torch.no_grad():
        expected = holder.double()([x.double() for x in inputs])[0]
        sparsify(holder.float(), EngineSettings(threads=threads))
        assert isinstance(holder[0], SparseDenseNeck)
        assert_close(holder(inputs)[0], expected)


@pytest.mark.parametrize('transformer', ['all', 'none'])
@pytest.mark.parametrize('density', [0., 0.1, 0.6])
@pytest.mark.parametrize('size', [(8, 12), (9, 7)])
def test_neck_of_any_mask(transformer, density, size):
    check_neck(make_neck(transformer, density), size)


@pytest.mark.parametrize('tile, least', [(16, 1), (64, 3)])
def test_neck_in_tiles_and_chunks_of_any_size(monkeypatch, tile, least):
    monkeypatch.setattr(block_plan, 'TILE', tile)
    monkeypatch.setattr(block_plan, 'CHUNK', 1)
    monkeypatch.setattr(block_plan, 'LEAST', least)
    for size in ((33, 20), (3, 40)):
        check_neck(make_neck('all', 0.4), size)


@pytest.mark.parametrize('rows', [slice(0, 1), slice(5, 7)], ids=['above', 'below'])
@pytest.mark.parametrize('size', [(16, 16), (1, 100)])
def test_neck_whose_taps_all_lie_beyond_the_image_for_some_tile(rows, size):
    neck = make_neck('none', 1.)
    neck.block.mixconv.keep(torch.arange(len(neck.block.mixconv.expand.weight))[-8:], Cut())
    with torch.no_grad():
        taps = neck.block.mixconv.depthwise[-1].weight
        kept = torch.zeros_like(taps)
        kept[:, :, rows] = 1
        taps.mul_(kept)
    check_neck(neck, size, threads=16)
