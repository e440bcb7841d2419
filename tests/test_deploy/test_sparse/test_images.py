"""Images that a sparse network takes, and those that it refuses."""
import copy

import pytest
import torch
from small_nets import NarrowModel, input_image, narrow_backbone
from sparse_nets import assert_nan_passes, assert_same, needs_kernel, pruned
from torch import nn

from mmst.deploy.sparse import SparseModel
from mmst.deploy.sparse.library import Conv, make_structure
from mmst.deploy.sparse.planes import as_map
from mmst.errors import ConfigError, TrainingError

pytestmark = needs_kernel


@pytest.fixture(scope='module')
def model():
    return pruned(NarrowModel)


@pytest.fixture(scope='module')
def sparse(model):
    return SparseModel(model)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_under_autocast_it_computes_in_float32(model, sparse, dtype):
    x = input_image(1)
    expected = sparse(x)
    with torch.autocast('cpu', dtype):
        assert torch.equal(sparse(x), expected)
        inner = sparse.model(x)  # the way of the toolboxes' tools
        assert inner.dtype == torch.float32 and torch.equal(inner, expected)
        assert torch.equal(sparse(x.to(dtype)), sparse(x.to(dtype).float()))


def test_maps_of_dense_blocks_in_half_precision_reach_the_kernel_as_float32(model):
    mixed = SparseModel(model, max_density=0.4)
    assert mixed.blocks['sparse'] and mixed.blocks['dense']
    x = input_image(1)
    expected = mixed(x)
    with torch.autocast('cpu', torch.bfloat16), torch.no_grad():
        found = mixed.model(x)
    assert float((found - expected).abs().max()) < 0.1 * float(expected.abs().max())


class Shallow(nn.Module):
    """So few layers that a pixel does not reach all outputs."""

    def __init__(self):
        super().__init__()
        self.backbone = narrow_backbone(channels=((4, ), (4, 6)), depths=((1, ), (1, 1)),
                                        transformer='none', kernel_sizes=(3, 5))

    def forward(self, x):
        return self.backbone(x)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_pixels_that_are_no_numbers_reach_the_outputs_that_torch_says(value):
    model = pruned(Shallow, 0.1)
    sparse = SparseModel(model)
    x = input_image(2, 96, 128)
    x[0, 1, 40, 70] = value
    with torch.no_grad():
        pairs = list(zip(sparse(x), model(x), strict=True))
    assert any(bool(exact[0].isnan().any()) and bool(exact[0].isfinite().any())
               for _, exact in pairs)
    for found, exact in pairs:
        assert torch.equal(found.isnan(), ~exact.isfinite())
        there = exact.isfinite()
        assert torch.allclose(found[there], exact[there], atol=1e-5)


def test_the_kernel_lets_nan_through():
    assert_nan_passes()


def test_huge_numbers_that_are_finite_stay_as_they_are(model, sparse):
    x = torch.full((1, 3, 16, 16), 3e38)
    assert not bool(torch.isfinite(x.sum()))
    assert torch.equal(sparse(x).isnan(), sparse.model(x).isnan())


@pytest.mark.parametrize('shape', [(1, 4, 32, 32), (1, 1, 32, 32), (1, 1, 2048, 2048), (3, 32, 32),
                                   (0, 3, 32, 32), (1, 3, 0, 32), (1, 3, 32, 0)])
def test_images_of_another_shape_are_refused(sparse, shape):
    with pytest.raises(ConfigError, match=r'images.shape = \(.*float32.*\(N, 3, H, W\).*Remedy: '):
        sparse(torch.zeros(shape))


@pytest.mark.parametrize('dtype', [torch.uint8, torch.int64, torch.bool, torch.half,
                                   torch.bfloat16, torch.float64, torch.complex64])
def test_images_of_another_type_are_refused_with_both_named(sparse, dtype):
    with pytest.raises(ConfigError, match=rf'\(1, 3, 32, 32\): they are {dtype} .*torch.float32'):
        sparse(torch.zeros(1, 3, 32, 32, dtype=dtype))


@pytest.mark.parametrize('images', [torch.zeros(1, 3, 32, 32, device='meta'),
                                    torch.zeros(1, 3, 32, 32).to_sparse()])
def test_images_that_are_not_in_ordinary_memory_are_refused(sparse, images):
    with pytest.raises(ConfigError, match=r'must be an ordinary tensor on the CPU. Remedy: '):
        sparse(images)


def test_what_is_no_tensor_is_refused(sparse):
    with pytest.raises(ConfigError, match='must be a tensor'):
        sparse([[0.]])


@pytest.mark.parametrize('x', [torch.zeros(1, 4, 8, 8, device='meta'),
                               torch.zeros(1, 4, 8, 8, dtype=torch.half)])
def test_the_kernel_gets_no_address_of_anything_but_float32_in_memory(x):
    with pytest.raises(TrainingError, match=r'the sparse kernel was given a .*Remedy: '):
        as_map(x)


@pytest.mark.parametrize('shape', [(1, 4, 16, 16), (1, 2, 16, 16)])
def test_modules_called_alone_refuse_other_channels(sparse, shape):
    with pytest.raises(ConfigError, match='maps of 3 channels are wanted'):
        sparse.model.backbone.stem(torch.zeros(shape))


def test_sizes_beyond_32_bits_are_refused(sparse):
    x = torch.zeros(1).expand(1, 3, 60000, 60000)  # one number in memory
    with pytest.raises(ConfigError, match=r'counts them in 32 bits. Remedy: '):
        sparse.model.backbone.stem(x)
    with pytest.raises(ConfigError, match='32 bits'):
        make_structure(Conv, outputs=2**31)


class Named(torch.Tensor):
    """A subclass without behaviour of its own."""


@pytest.mark.parametrize('change', [
    lambda x: x.contiguous(memory_format=torch.channels_last), lambda x: x.clone().requires_grad_(),
    lambda x: x.transpose(2, 3).contiguous().transpose(2, 3), lambda x: torch._neg_view(-x),
    lambda x: x.as_subclass(Named), lambda x: torch.nn.functional.pad(x, (3, 3))[..., 3:-3],
    lambda x: torch.stack([x, x], -1)[..., 0]])
def test_tensors_of_any_form_give_the_same(sparse, change):
    x = input_image(2, 40, 48)
    assert torch.equal(sparse(change(x)), sparse(x))


def test_tensors_of_an_inference_mode_can_be_given(sparse):
    with torch.inference_mode():
        x = input_image(1) + 0
    assert torch.equal(sparse(x), sparse(input_image(1)))


@pytest.mark.parametrize('column', [(1, 1), (7, 1), (1, 7)])
def test_images_of_one_column_or_row_give_what_torch_gives(model, sparse, column):
    x = torch.randn(2, 3, *column)
    assert_same(sparse(x), model, x)


@pytest.fixture
def defaults():
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


@pytest.mark.parametrize('change', [lambda: torch.set_default_dtype(torch.bfloat16),
                                    lambda: torch.set_default_dtype(torch.float64),
                                    lambda: torch.set_default_device('meta')])
def test_torchs_defaults_change_nothing(model, sparse, defaults, change):
    x = input_image(1, 72, 40)
    expected = sparse(x)
    change()
    assert torch.equal(SparseModel(model)(x), expected)


def test_networks_in_other_precisions_compute_in_float32(model, sparse):
    double = SparseModel(copy.deepcopy(model).double())
    assert torch.equal(double(input_image(1)), sparse(input_image(1)))


def test_nested_tensors_and_those_of_functorch_are_refused_in_one_line(sparse):
    nested = torch.nested.nested_tensor([torch.zeros(3, 8, 8), torch.zeros(3, 9, 9)])
    with pytest.raises(ConfigError, match=r'a nested tensor.*Remedy: '):
        sparse(nested)
    x = input_image(2)
    for transform in (lambda: torch.vmap(lambda image: sparse(image[None])[0])(x),
                      lambda: torch.func.grad(lambda image: sparse(image).sum())(x)):
        with pytest.raises(TrainingError, match=r'cannot be traced or exported: .*Remedy: '):
            transform()
