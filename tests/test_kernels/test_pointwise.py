"""1x1 convolutions as products of matrices."""
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmst.kernels import ops as kernel_ops
from mmst.kernels.ops import KernelOps
from mmst.kernels.pointwise import can_multiply, can_run, multiply, pointwise
from mmst.models.hrnas.ops import use_ops
from mmst.models.hrnas.search_block import SearchBlock


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


def test_what_a_product_cannot_take_is_reported():
    x, conv = last(torch.randn(2, 5, 4, 6)), nn.Conv2d(5, 7, 1)
    assert can_run(x, conv) and can_run(x.double(), conv)
    assert not can_run(x.contiguous(), conv)
    assert not can_run(x.bfloat16(), conv)
    for other in (nn.Conv2d(5, 7, 3), nn.Conv2d(5, 7, 1, 2), nn.Conv2d(5, 5, 1, groups=5),
                  nn.Conv2d(5, 7, 1, padding=1), nn.Identity()):
        assert not can_run(x, other)
    with torch.autocast('cpu', torch.bfloat16):
        assert not can_run(x, conv)


# ------------------------------------------------------- without any convolution, as on GPUs


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('sizes', [  # input and output channels, groups, stride
    (6, 4, 1, 1), (6, 4, 1, 2), (6, 6, 6, 1), (6, 6, 6, 2), (6, 12, 6, 2), (12, 6, 6, 1),
    (18, 24, 6, 2), (1, 3, 1, 1)])
def test_no_convolution_equals_the_convolution_in_output_and_gradients(sizes, bias, layout):
    inputs, outputs, groups, stride = sizes
    conv = nn.Conv2d(inputs, outputs, 1, stride, groups=groups, bias=bias).double()
    x = torch.randn(2, inputs, 5, 7, dtype=torch.float64).contiguous(memory_format=layout)
    x.requires_grad_()
    found, expected = multiply(x, conv), conv(x)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    gradient, wanted = torch.randn_like(expected), [x, *conv.parameters()]
    for a, b in zip(torch.autograd.grad(found, wanted, gradient),
                    torch.autograd.grad(expected, wanted, gradient), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        found, expected = multiply(x.float(), conv.float()), conv(x.float())
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_precision_of_the_product_follows_autocast():
    x, conv = torch.randn(2, 6, 5, 7), nn.Conv2d(6, 4, 1)
    with torch.autocast('cpu', torch.bfloat16):
        assert multiply(x, conv).dtype == conv(x).dtype == torch.bfloat16
        grouped = nn.Conv2d(6, 6, 1, groups=6, bias=False)
        assert multiply(x, grouped).dtype == grouped(x).dtype == torch.bfloat16


def test_what_needs_a_convolution_is_reported():
    x = torch.randn(2, 6, 5, 7)
    assert can_multiply(x, nn.Conv2d(6, 4, 1, 2)) and not can_multiply(x[:0], nn.Conv2d(
        6, 4, 1))
    for other in (nn.Conv2d(6, 4, 3), nn.Conv2d(6, 4, 1, padding=1), nn.Identity()):
        assert not can_multiply(x, other)


def test_a_search_block_by_products_runs_no_1x1_convolution(monkeypatch):
    block = SearchBlock(6, 12, 2).train()
    x = torch.randn(2, 6, 9, 9)
    torch.manual_seed(0)  # dropout's
    with torch.no_grad():
        expected = block(x)
    use_ops(block, KernelOps(('cpu', ), kernels=('pointwise', ), products=('cpu', )))
    own, called = nn.Conv2d.forward, []
    monkeypatch.setattr(nn.Conv2d, 'forward',
                        lambda conv, x: called.append(conv.kernel_size) or own(conv, x))
    torch.manual_seed(0)
    found = block(x)
    assert set(called) == {(3, 3), (5, 5), (7, 7)}
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    block(x).sum().backward()
    assert all(p.grad is not None for p in block.parameters())


@pytest.mark.parametrize('ops, training', [
    (KernelOps(('cpu', )), True), (KernelOps(('cpu', ), products=('cpu', )), False),
    (KernelOps(('cpu', ), ('depthwise', ), products=('cpu', )), True),
    (KernelOps(('cuda', ), products=('cpu', )), True)],
    ids=['another device', 'evaluation', 'another kernel', 'no kernels here'])
def test_where_products_are_not_asked_for_layers_convolve(monkeypatch, ops, training):
    block = SearchBlock(6, 12, 2).train(training)
    use_ops(block, ops)
    own, called = nn.Conv2d.forward, []
    monkeypatch.setattr(nn.Conv2d, 'forward',
                        lambda conv, x: called.append(conv) or own(conv, x))
    block(torch.randn(2, 6, 9, 9))
    assert {block.residual, block.transformer.input_proj} < set(called)


def test_on_a_gpu_evaluation_multiplies_too_and_export_convolves(monkeypatch):
    """After a search torch would plan each changed convolution again in evaluation as well."""
    monkeypatch.setattr(kernel_ops.pointwise, 'can_multiply', lambda *_: True)
    monkeypatch.setattr(kernel_ops.pointwise, 'multiply', lambda *_: 'product')
    conv, of_gpu = nn.Conv2d(2, 3, 1).eval(), SimpleNamespace(device=torch.device('cuda'))
    monkeypatch.setattr(conv, 'forward', lambda x: 'convolution')
    assert KernelOps(('cuda', )).project(conv, of_gpu) == 'product'
    monkeypatch.setattr(torch.jit, 'is_tracing', lambda: True)
    assert KernelOps(('cuda', )).project(conv, of_gpu) == 'convolution'
