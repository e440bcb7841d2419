"""BN, ReLU and depthwise convolutions in one operator against torch's layers."""
import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmst.kernels.depthwise import library
from mmst.kernels.depthwise.normalized import can_run, normalized_depthwise

pytestmark = pytest.mark.skipif(library.kernel() is None, reason='no C++ compiler')
WIDTHS = [(4, 4, 4), (5, 0, 21), (0, 0, 3), (16, 70, 1)]


def last(x):
    """``x`` in channels_last."""
    return x.contiguous(memory_format=torch.channels_last)


def inputs(widths=(4, 5, 3), size=(7, 9), dtype=torch.float64):
    """A map and weights that want gradients, and a BN that moves zero away from the border's."""
    x = last(torch.randn(2, sum(widths), *size, dtype=dtype)).requires_grad_()
    bn = nn.BatchNorm2d(sum(widths), 1e-3).to(dtype).train()
    with torch.no_grad():
        bn.weight.uniform_(-1, 1)
        bn.bias.uniform_(-1, 1)
    return x, bn, [torch.randn(w, 1, k, k, dtype=dtype).requires_grad_()
                   for k, w in zip((3, 5, 7), widths, strict=True) if w]


def layers(x, bn, weights, stride):
    """The plain reference."""
    parts = zip(F.relu(bn(x)).split([len(w) for w in weights], dim=1), weights, strict=True)
    return torch.cat([F.conv2d(part, w, None, stride, w.shape[-1] // 2, groups=len(w))
                      for part, w in parts], dim=1)


def results(function, x, bn, weights, stride):
    """Output, gradients and running statistics; ``bn`` stays as it is."""
    bn = copy.deepcopy(bn)
    out = function(x, bn, weights, stride)
    torch.manual_seed(1)
    wanted = [x, bn.weight, bn.bias, *weights]
    gradients = torch.autograd.grad(out, wanted, torch.randn(out.shape, dtype=out.dtype))
    return [out.detach(), *gradients, bn.running_mean, bn.running_var, bn.num_batches_tracked]


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('size', [(8, 12), (7, 9), (1, 1), (5, 33)])
@pytest.mark.parametrize('widths', WIDTHS)
def test_operator_equals_layers_in_output_gradients_and_statistics(widths, size, stride):
    found, expected = (results(function, *inputs_once(widths, size), stride)
                       for function in (normalized_depthwise, layers))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def inputs_once(widths, size):
    """The same inputs at each call."""
    torch.manual_seed(0)
    return inputs(widths, size)


def test_float32_is_as_exact_as_layers():
    x, bn, weights = inputs((40, 40, 40), (33, 40), torch.float32)
    doubles = [t.detach().double().requires_grad_() for t in (x, *weights)]
    exact = results(layers, doubles[0], copy.deepcopy(bn).double(), doubles[1:], 1)
    found = results(normalized_depthwise, x, bn, weights, 1)
    for a, b, e in zip(found[:-1], results(layers, x, bn, weights, 1), exact, strict=False):
        assert a.dtype == torch.float32
        assert (a - e).abs().max() <= 3 * (b - e).abs().max() + 1e-6 * e.abs().max()


def test_threads_do_not_change_a_bit():
    x, bn, weights = inputs((40, 33, 70), (13, 20), torch.float32)
    first = results(normalized_depthwise, x, bn, weights, 2)
    torch.set_num_threads(3)
    try:
        for a, b in zip(first, results(normalized_depthwise, x, bn, weights, 2), strict=True):
            assert torch.equal(a, b)
    finally:
        torch.set_num_threads(1)


def test_only_the_gradients_that_are_wanted_are_computed():
    x, bn, weights = inputs()
    bn.requires_grad_(False)
    normalized_depthwise(x.detach(), bn, weights, 1).sum().backward()
    assert x.grad is None and bn.weight.grad is None and weights[0].grad is not None
    frozen, bn_too = [w.detach() for w in weights], copy.deepcopy(bn)
    found, = torch.autograd.grad(normalized_depthwise(x, bn, frozen, 1).square().sum(), [x])
    expected, = torch.autograd.grad(layers(x, bn_too, frozen, 1).square().sum(), [x])
    torch.testing.assert_close(found, expected)


def test_what_is_not_a_number_spreads_as_in_layers():
    x, bn, weights = inputs()
    with torch.no_grad():
        x[0, 3, 2, 1] = float('nan')
    found, expected = (results(f, x, bn, weights, 1) for f in (normalized_depthwise, layers))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, equal_nan=True)


def test_the_normalised_map_is_not_kept():
    x, bn, weights = inputs()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        normalized_depthwise(x, bn, weights, 1)
    assert [t.data_ptr() for t in kept if t.dim() == 4 and t.shape[0] == 2] == [x.data_ptr()]


def test_what_it_cannot_take_is_reported():
    x, bn, weights = inputs()
    assert can_run(x, bn, weights, 1)
    assert not can_run(x, bn, weights, 3)
    assert not can_run(x, bn.eval(), weights, 1)
    assert not can_run(x.contiguous(), bn.train(), weights, 1)
    assert not can_run(x, bn, [w.float() for w in weights], 1)
