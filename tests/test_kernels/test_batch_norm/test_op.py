"""BN with its ReLU in one kernel against torch's layers."""
import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.checkpoint import checkpoint

from mmst.kernels.batch_norm import batch_norm, can_run, library
from mmst.kernels.depthwise import library as depthwise_library
from mmst.kernels.native import build

needs_kernel = pytest.mark.skipif(library.kernel() is None, reason='no C++ compiler')
#: Fewer channels than a vector holds, as many, some more, many vectors.
CHANNELS = [1, 5, 16, 21, 64, 150]


def last(x):
    """``x`` in channels_last."""
    return x.contiguous(memory_format=torch.channels_last)


def layer(channels, dtype=torch.float64, momentum=0.1):
    """A BN in training whose weights and statistics are not those it starts with."""
    bn = nn.BatchNorm2d(channels, 1e-3, momentum).to(dtype).train()
    with torch.no_grad():
        for t in (bn.weight, bn.bias, bn.running_mean, bn.running_var):
            t.copy_(torch.rand(channels, dtype=dtype) + 0.1)
        bn.bias.sub_(0.5)
    return bn


def inputs(channels=21, size=(7, 9), batch=2, dtype=torch.float64):
    """A map that wants a gradient; its channels' means are far apart."""
    offset = torch.linspace(-3, 3, channels, dtype=dtype).view(-1, 1, 1)
    return last(torch.randn(batch, channels, *size, dtype=dtype) + offset).requires_grad_()


def reference(x, bn, relu):
    """Torch's layers."""
    return F.relu(bn(x)) if relu else bn(x)


def results(function, x, bn, relu):
    """Output, gradients and running statistics; ``bn`` stays as it is."""
    bn = copy.deepcopy(bn)
    out = function(x, bn, relu)
    torch.manual_seed(1)
    gradient = torch.randn(out.shape, dtype=out.dtype)
    gradients = torch.autograd.grad(out, [x, bn.weight, bn.bias], gradient)
    return [out.detach(), *gradients, bn.running_mean, bn.running_var, bn.num_batches_tracked]


@needs_kernel
@pytest.mark.parametrize('relu', [True, False])
@pytest.mark.parametrize('batch, size', [(2, (7, 9)), (1, (1, 2)), (3, (40, 50))])
@pytest.mark.parametrize('channels', CHANNELS)
def test_kernel_equals_torchs_layers(channels, batch, size, relu):
    x, bn = inputs(channels, size, batch), layer(channels)
    found = results(batch_norm, x, bn, relu)
    for a, b in zip(found, results(reference, x, bn, relu), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    assert found[0].is_contiguous(memory_format=torch.channels_last)


@needs_kernel
@pytest.mark.parametrize('relu', [True, False])
@pytest.mark.parametrize('channels', CHANNELS)
@pytest.mark.parametrize('shift', [0., 100.])
def test_float32_is_as_exact_as_torchs_layers(shift, channels, relu):
    x = last(inputs(channels, (60, 70), 4, torch.float32).detach() + shift).requires_grad_()
    bn = layer(channels, torch.float32)
    exact = results(reference, x.detach().double().requires_grad_(), copy.deepcopy(bn).double(),
                    relu)
    found = results(batch_norm, x, bn, relu)
    # A number within rounding of zero may lie on either side of the ReLU: the largest error says
    # nothing then, the sum of all does.
    for a, b, e in zip(found[:-1], results(reference, x, bn, relu), exact, strict=False):
        assert a.dtype == torch.float32
        assert (a - e).abs().sum() <= 3 * (b - e).abs().sum() + 1e-6 * e.abs().sum()


@needs_kernel
@pytest.mark.parametrize('relu', [True, False])
def test_gradients_pass_gradcheck(relu):
    x, bn = inputs(3, (4, 5), 1), layer(3)

    def function(x, weight, bias):
        net = copy.deepcopy(bn)
        del net.weight, net.bias
        net.weight, net.bias = weight, bias
        return batch_norm(x, net, relu)

    parameters = [bn.weight.detach().requires_grad_(), bn.bias.detach().requires_grad_()]
    torch.autograd.gradcheck(function, [x, *parameters])


@needs_kernel
def test_only_the_gradients_that_are_wanted_are_computed():
    x, bn = inputs(), layer(21)
    batch_norm(x.detach(), bn, True).sum().backward()
    assert x.grad is None and bn.weight.grad is not None
    bn.requires_grad_(False)
    frozen = copy.deepcopy(bn)
    found, = torch.autograd.grad(batch_norm(x, bn, True).square().sum(), [x])
    expected, = torch.autograd.grad(reference(x, frozen, True).square().sum(), [x])
    torch.testing.assert_close(found, expected)


@needs_kernel
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_what_is_not_finite_spreads_as_in_torchs_layers(value):
    x, bn = inputs(), layer(21)
    with torch.no_grad():
        x[0, 3, 2, 1] = value
    for a, b in zip(results(batch_norm, x, bn, True), results(reference, x, bn, True), strict=True):
        torch.testing.assert_close(a, b, equal_nan=True)


@needs_kernel
def test_recomputation_for_activation_checkpointing_gives_the_same_gradient():
    x, bn = inputs(), layer(21)
    plain, = torch.autograd.grad(batch_norm(x, copy.deepcopy(bn), True).square().sum(), [x])
    again = checkpoint(lambda t: batch_norm(t, bn, True), x, use_reentrant=False)
    assert torch.equal(torch.autograd.grad(again.square().sum(), [x])[0], plain)


@needs_kernel
def test_calls_from_several_threads_at_once_do_not_mix():
    """Of the BN kernel and the depthwise kernel: both have the same pool of threads."""
    x, bn = inputs(64, (40, 50), 3), layer(64)
    weights = [torch.randn(64, 1, 5, 5, dtype=torch.float64)]
    torch.set_num_threads(3)
    try:
        calls = [lambda: library.forward(x, bn, True)[0],
                 lambda: depthwise_library.forward(x, weights, 1)]
        expected = [call() for call in calls]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda i: calls[i % 2](), range(40)))
    finally:
        torch.set_num_threads(1)
    assert all(torch.equal(out, expected[i % 2]) for i, out in enumerate(found))


@needs_kernel
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_threads_do_not_change_a_bit(dtype):
    x, bn = inputs(150, (40, 50), 3, dtype), layer(150, dtype)
    first = results(batch_norm, x, bn, True)
    torch.set_num_threads(3)
    try:
        for a, b in zip(first, results(batch_norm, x, bn, True), strict=True):
            assert torch.equal(a, b)
    finally:
        torch.set_num_threads(1)


@needs_kernel
def test_gradients_in_any_layout_are_understood():
    x, bn = inputs(), layer(21)
    planes = torch.randn(x.shape, dtype=x.dtype)  # not in channels_last
    expected = torch.autograd.grad(reference(x, copy.deepcopy(bn), True), [x], planes)
    found = torch.autograd.grad(batch_norm(x, bn, True), [x], planes)
    torch.testing.assert_close(found, expected)


@needs_kernel
def test_saved_maps_may_come_back_in_another_layout():
    """As from hooks that move them out of the way until the backward pass."""
    x, bn = inputs(), layer(21)
    gradient = torch.randn_like(x)
    expected = torch.autograd.grad(reference(x, copy.deepcopy(bn), True), [x], gradient)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.contiguous(), lambda t: t):
        out = batch_norm(x, bn, True)
    torch.testing.assert_close(torch.autograd.grad(out, [x], gradient), expected)


@needs_kernel
def test_what_the_kernel_cannot_take_is_reported():
    x, bn = inputs(), layer(21)
    assert can_run(x, bn)
    assert not can_run(x.contiguous(), bn)
    assert not can_run(x.float(), bn)
    assert not can_run(x.bfloat16(), layer(21, torch.bfloat16))
    assert not can_run(x[:0], bn)
    assert not can_run(inputs(size=(1, 1), batch=1), bn)  # torch refuses it: one value a channel
    assert not can_run(inputs(20), bn)
    assert not can_run(x, layer(21).eval())
    assert not can_run(x, layer(21, momentum=None))
    assert not can_run(x, nn.BatchNorm2d(21, affine=False).double())
    assert not can_run(x, nn.BatchNorm2d(21, track_running_stats=False).double())
    assert not can_run(x, nn.SyncBatchNorm(21).double())
    for name in ('running_mean', 'running_var', 'num_batches_tracked'):
        without = layer(21)
        setattr(without, name, None)
        assert not can_run(x, without)
    with FakeTensorMode() as fake:
        assert not can_run(fake.from_tensor(x), bn)
    mixed = layer(21)
    mixed.running_mean = mixed.running_mean.float()
    assert not can_run(x, mixed)


@needs_kernel
def test_the_missing_compiler_is_logged_once_and_nothing_raised(monkeypatch):
    printed = []
    monkeypatch.setattr(build, 'print_log', lambda message, **_: printed.append(message))
    monkeypatch.setenv('MMST_KERNEL', 'none')
    library.kernel.cache_clear()
    try:
        assert library.kernel() is None and not can_run(inputs(), layer(21))
    finally:
        monkeypatch.undo()
        library.kernel.cache_clear()
    assert len(printed) == 1 and 'MMST_KERNEL=none' in printed[0]
