"""1x1 convolutions as products of matrices."""
import pytest
import torch
from torch import nn

from mmst.kernels.pointwise import can_run, pointwise


def last(x):
    """``x`` in channels_last."""
    return x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('shape', [(2, 5, 4, 6), (1, 1, 3, 3), (3, 8, 1, 1)])
def test_product_equals_the_convolution_in_output_and_gradients(shape, bias):
    conv = nn.Conv2d(shape[1], 7, 1, bias=bias).double()
    x = last(torch.randn(shape, dtype=torch.float64)).requires_grad_()
    found, expected = pointwise(x, conv), conv(x)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected)
    gradient = torch.randn_like(expected)
    wanted = [x, *conv.parameters()]
    for a, b in zip(torch.autograd.grad(found, wanted, gradient),
                    torch.autograd.grad(expected, wanted, gradient), strict=True):
        torch.testing.assert_close(a, b)
        assert a.shape == b.shape


def test_what_a_product_cannot_take_is_told():
    x, conv = last(torch.randn(2, 5, 4, 6)), nn.Conv2d(5, 7, 1)
    assert can_run(x, conv) and can_run(x.double(), conv)
    assert not can_run(x.contiguous(), conv)
    assert not can_run(x.bfloat16(), conv)
    for other in (nn.Conv2d(5, 7, 3), nn.Conv2d(5, 7, 1, 2), nn.Conv2d(5, 5, 1, groups=5),
                  nn.Conv2d(5, 7, 1, padding=1), nn.Identity()):
        assert not can_run(x, other)
    with torch.autocast('cpu', torch.bfloat16):
        assert not can_run(x, conv)
