"""The mixed depthwise operator against torch's convolutions."""
import threading

import pytest
import torch
import torch.nn.functional as F
from forks import child_gives
from torch._subclasses.fake_tensor import FakeTensorMode

from mmst.kernels.depthwise import can_run, library, mixed_depthwise, op, separate
from mmst.kernels.native import build

registered = pytest.mark.skipif(not op.REGISTERED, reason='torch before 2.4')
needs_kernel = pytest.mark.skipif(library.kernel() is None, reason='no C++ compiler')
#: Of the three kernel sizes: below, at and above a vector's length, and none.
WIDTHS = [(4, 4, 4), (5, 0, 21), (0, 0, 3), (16, 70, 1)]


def last(x):
    """``x`` in channels_last."""
    return x.contiguous(memory_format=torch.channels_last)


def inputs(widths=(4, 5, 3), size=(7, 9), sizes=(3, 5, 7), dtype=torch.float64, batch=2):
    """A map and weights that want gradients."""
    x = last(torch.randn(batch, sum(widths), *size, dtype=dtype)).requires_grad_()
    return x, [torch.randn(w, 1, k, k, dtype=dtype).requires_grad_()
               for k, w in zip(sizes, widths, strict=True) if w]


def convolutions(x, weights, stride):
    """The plain reference."""
    parts = zip(x.split([len(w) for w in weights], dim=1), weights, strict=True)
    return torch.cat([F.conv2d(part, w, None, stride, w.shape[-1] // 2, groups=len(w))
                      for part, w in parts], dim=1)


def results(function, x, weights, stride):
    """Output and gradients, for the same random gradient of the output."""
    out = function(x, weights, stride)
    torch.manual_seed(1)
    gradients = torch.autograd.grad(out, [x, *weights], torch.randn(out.shape, dtype=out.dtype))
    return [out.detach(), *gradients]


@needs_kernel
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('size', [(8, 12), (7, 9), (1, 1), (2, 3), (5, 33)])
@pytest.mark.parametrize('widths', WIDTHS)
def test_kernel_equals_convolutions_in_output_and_gradients(widths, size, stride):
    x, weights = inputs(widths, size)
    found = results(mixed_depthwise, x, weights, stride)
    for a, b in zip(found, results(convolutions, x, weights, stride), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    assert found[0].is_contiguous(memory_format=torch.channels_last)


@needs_kernel
@pytest.mark.parametrize('stride', [1, 2])
def test_float32_is_as_exact_as_convolutions(stride):
    x, weights = inputs((40, 40, 40), (33, 40), dtype=torch.float32)
    exact = results(convolutions, x.detach().double().requires_grad_(),
                    [w.detach().double().requires_grad_() for w in weights], stride)
    found = results(mixed_depthwise, x, weights, stride)
    for a, b, e in zip(found, results(convolutions, x, weights, stride), exact, strict=True):
        assert a.dtype == torch.float32
        assert (a - e).abs().max() <= 3 * (b - e).abs().max() + 1e-6 * e.abs().max()


@needs_kernel
@pytest.mark.parametrize('stride', [1, 2])
def test_gradients_pass_gradcheck(stride):
    x, weights = inputs((2, 1, 1), (4, 5), batch=1)
    torch.autograd.gradcheck(lambda x, *w: mixed_depthwise(x, list(w), stride), [x, *weights])


@needs_kernel
@pytest.mark.parametrize('sizes', [(1, 3, 5), (7, ), (5, 3)])
def test_other_sets_of_kernel_sizes_work(sizes):
    x, weights = inputs([6] * len(sizes), sizes=sizes)
    for a, b in zip(results(mixed_depthwise, x, weights, 1),
                    results(convolutions, x, weights, 1),
                    strict=True):
        torch.testing.assert_close(a, b)


@needs_kernel
def test_only_the_gradients_that_are_wanted_are_computed():
    x, weights = inputs()
    weights[1].requires_grad_(False)
    mixed_depthwise(x.detach(), weights, 1).sum().backward()
    assert x.grad is None and weights[1].grad is None and weights[0].grad is not None
    frozen = [w.detach() for w in weights]
    mixed_depthwise(x, frozen, 1).sum().backward()
    assert x.grad is not None


@needs_kernel
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_threads_do_not_change_a_bit(dtype):
    x, weights = inputs((40, 33, 70), (13, 20), dtype=dtype)
    first = results(mixed_depthwise, x, weights, 2)
    torch.set_num_threads(3)
    try:
        for a, b in zip(first, results(mixed_depthwise, x, weights, 2), strict=True):
            assert torch.equal(a, b)
    finally:
        torch.set_num_threads(1)


@needs_kernel
def test_maps_and_gradients_in_any_layout_are_understood():
    x, weights = inputs()
    out = mixed_depthwise(x, weights, 1)
    planes = torch.randn(out.shape, dtype=out.dtype)  # not in channels_last
    expected = torch.autograd.grad(convolutions(x, weights, 1), [x, *weights], planes)
    for a, b in zip(torch.autograd.grad(out, [x, *weights], planes), expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('size', [(8, 12), (7, 9)])
def test_without_a_kernel_the_operator_uses_convolutions(monkeypatch, size, stride):
    monkeypatch.setattr(library, 'kernel', lambda: None)
    x, weights = inputs(size=size)
    assert op._backend(x) is separate and not can_run(x, weights, stride)
    for a, b in zip(results(mixed_depthwise, x, weights, stride),
                    results(convolutions, x, weights, stride), strict=True):
        torch.testing.assert_close(a, b)


@needs_kernel
def test_what_the_kernel_cannot_take_is_reported():
    x, weights = inputs()
    assert can_run(x, weights, 1) and can_run(x, weights, 2)
    assert not can_run(x, weights, 3)
    assert not can_run(x, [], 1)
    assert not can_run(x.bfloat16(), weights, 1)
    assert not can_run(x.contiguous(), weights, 1)
    assert not can_run(x, [torch.randn(12, 1, 9, 9)], 1)
    assert not can_run(x[:0], weights, 1)
    with FakeTensorMode() as fake:
        assert not can_run(fake.from_tensor(x), list(map(fake.from_tensor, weights)), 1)


@needs_kernel
def test_the_missing_compiler_is_logged_once_and_nothing_raised(monkeypatch):
    printed = []
    monkeypatch.setattr(build, 'print_log', lambda message, **_: printed.append(message))
    monkeypatch.setenv('MMST_KERNEL', 'none')
    library.kernel.cache_clear()
    try:
        assert library.kernel() is None and library.kernel() is None
    finally:
        monkeypatch.undo()
        library.kernel.cache_clear()
    assert len(printed) == 1 and 'MMST_KERNEL=none' in printed[0]


@needs_kernel
@registered
@pytest.mark.parametrize('stride', [1, 2])
def test_operator_is_well_formed_for_tracing(stride):
    """Schema, shapes while tracing, autograd: torch's own checks."""
    x, weights = inputs(dtype=torch.float32)
    torch.library.opcheck(torch.ops.mmst.mixed_depthwise.default, (x, weights, stride))


@needs_kernel
@registered
def test_compiled_graphs_hold_the_operator_whole():
    x, weights = inputs(dtype=torch.float32)
    graphs = []

    def keep(graph, _):
        graphs.append([str(node.target) for node in graph.graph.nodes])
        return graph.forward

    compiled = torch.compile(mixed_depthwise, backend=keep, fullgraph=True)
    torch.testing.assert_close(compiled(x, weights, 1), convolutions(x, weights, 1))
    torch._dynamo.reset()
    assert [target for target in graphs[0] if 'mixed_depthwise' in target]


@needs_kernel
def test_children_forked_while_another_thread_trains_compute():
    x, weights = inputs((16, 16, 16), (48, 48))
    found, stop = results(mixed_depthwise, x, weights, 1)[0], threading.Event()

    def train():
        while not stop.is_set():
            mixed_depthwise(x, weights, 1)

    other = threading.Thread(target=train)
    other.start()
    try:
        answers = [child_gives(lambda image: mixed_depthwise(image, weights, 1).detach(), x, found)
                   for _ in range(8)]
    finally:
        stop.set()
        other.join()
    assert answers == [True] * 8
