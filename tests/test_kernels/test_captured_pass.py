"""Training passes as CUDA graphs: what they give, and what they refuse."""
import contextlib
import gc
import inspect
import weakref
from contextlib import nullcontext
from unittest import mock

import pytest
import torch
from torch import nn

from mmst.errors import TrainingError
from mmst.kernels import captured_pass
from mmst.kernels.captured_pass import CapturedPass


def test_a_second_backward_pass_is_refused(device):
    module = captured(device, lambda x, weight: (x * weight).square())
    x = torch.randn(4, device=device)
    first = module(x).sum()
    first.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match=r'one backward pass.*cuda_graph=False'):
        first.backward()


def test_a_backward_pass_after_the_next_pass_is_refused(device):
    module = captured(device, lambda x, weight: (x * weight).square())
    first = module(torch.randn(4, device=device)).sum()
    module(torch.randn(4, device=device))
    with pytest.raises(RuntimeError, match='before the next one'):
        first.backward()


def test_a_loss_that_somebody_keeps_keeps_no_graph(device):
    module = captured(device, lambda x, weight: (x * weight).square())
    loss = module(torch.randn(4, device=device)).sum()
    loss.backward()
    graph = weakref.ref(module)
    del module
    gc.collect()
    assert graph() is None and loss.grad_fn is not None


def test_no_two_gradients_share_memory(device):
    class Sum(nn.Module):

        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))

        def forward(self, x):
            return x + (self.a + self.b)

    module, x = Sum().to(device), torch.ones(3, device=device, requires_grad=True)
    own = CapturedPass(module, [x])
    own(x).sum().backward()
    places = [t.grad.data_ptr() for t in (x, module.a, module.b)]
    assert len(set(places)) == 3
    first, x.grad = x.grad, None
    own(x).mul(2).sum().backward()
    assert torch.equal(first, torch.ones_like(x)) and torch.equal(x.grad, 2 * first)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_gradients_are_computed_outside_of_autocast(device):
    class Island(nn.Module):

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 8, bias=False)

        def forward(self, x):
            with torch.autocast(x.device.type, enabled=False):
                return self.linear(x)

    module, x = Island().to(device), torch.randn(4, 8, device=device)
    with torch.autocast(device, torch.bfloat16, cache_enabled=False):
        own = CapturedPass(module, [x])
        out = own(x)
    given = torch.randn(4, 8, device=device)
    out.backward(given)
    torch.testing.assert_close(module.linear.weight.grad, given.t() @ x, rtol=1e-5, atol=1e-5)


def test_the_backward_pass_knows_nothing_of_the_forward_passs_autocast(device):
    states = dict(forward=set(), backward=set())

    class Look(torch.autograd.Function):

        @staticmethod
        def forward(ctx, x):
            states['forward'].add(torch.is_autocast_enabled())  # a GPU's, whether there is one
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            states['backward'].add(torch.is_autocast_enabled())
            return gradient

    torch.set_autocast_enabled(True)
    try:
        captured(device, lambda x, weight: Look.apply(x * weight))
    finally:
        torch.set_autocast_enabled(False)
    assert states == dict(forward={True}, backward={False})


@pytest.mark.parametrize('output', [lambda x: dict(x=x), lambda x: (x, None), lambda x: (x, [x])])
def test_other_outputs_than_tensors_are_not_captured(device, output):
    with pytest.raises(RuntimeError, match='returns'):
        captured(device, lambda x, weight: output(x * weight))


def test_a_list_stays_a_list(device):
    module = captured(device, lambda x, weight: [x * weight, x + weight])
    assert type(module(torch.ones(4, device=device))) is list


def test_what_trains_nothing_is_not_captured(device):
    frozen = nn.Linear(4, 4).to(device).requires_grad_(False)
    with pytest.raises(RuntimeError, match='nothing in it is trained'):
        CapturedPass(frozen, [torch.ones(4, device=device)])


def test_passes_before_a_capture_hold_the_memory_of_one(device):
    kept, alive = [], []

    def forward(x, weight):
        alive.append(sum(ref() is not None for ref in kept))
        inner = x * weight
        kept.append(weakref.ref(inner))
        return inner.square().square()  # a node of autograd keeps what is squared

    captured(device, forward)
    assert len(alive) >= 3 and not any(alive)


def captured(device, function):
    class Module(nn.Module):

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4))

        def forward(self, x):
            return function(x, self.weight)

    return CapturedPass(Module().to(device), [torch.ones(4, device=device)])


# ----------------------------------- how torch is asked, with its functions replaced


#: What torch's own functions take: stand-ins take no more.
CAPTURE = inspect.signature(torch.cuda.graph)


@pytest.fixture
def cuda(monkeypatch):
    """The calls of torch.cuda, in order."""
    asked = []

    def capture(*args, **kwargs):
        CAPTURE.bind(*args, **kwargs)
        return nullcontext(asked.append(kwargs))

    monkeypatch.setattr(torch.cuda, 'Stream', mock.MagicMock())
    monkeypatch.setattr(torch.cuda, 'current_stream', mock.MagicMock())
    monkeypatch.setattr(torch.cuda, 'stream', lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, 'get_sync_debug_mode', lambda: 0)
    monkeypatch.setattr(torch.cuda, 'set_sync_debug_mode', asked.append)
    monkeypatch.setattr(torch.cuda, 'CUDAGraph', mock.MagicMock())
    monkeypatch.setattr(torch.cuda, 'graph', capture)
    return asked


def test_the_last_warm_up_refuses_what_waits_for_the_gpu(cuda):
    captured_pass.warm_up(lambda: cuda.append('forward'), lambda: cuda.append('backward'))
    assert cuda == ['forward', 'backward'] * 2 + ['error', 'forward', 'backward', 0]


def test_a_warm_up_that_fails_leaves_torchs_mode_as_it_was(cuda):
    def fail():
        raise RuntimeError('called a synchronizing CUDA operation')

    stream = mock.MagicMock()
    with pytest.raises(RuntimeError, match='synchronizing'):
        captured_pass.warm_up(fail, stream=stream)
    assert cuda == [0]
    current = torch.cuda.current_stream.return_value  # buffers get their values back on it
    assert current.wait_stream.call_args_list == [mock.call(stream)]


def test_other_threads_do_not_end_a_capture(cuda):
    found, replay = captured_pass.record(lambda: 3, 'pool')
    assert found == 3 and replay is torch.cuda.CUDAGraph.return_value.replay
    assert cuda == [dict(pool='pool', stream=None, capture_error_mode='thread_local')]


TORCHS = torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2 GiB')
CUDAS = RuntimeError('CUDA error: out of memory')
CUBLAS = RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`')
BROKEN = RuntimeError('CUDA error: operation failed due to a previous error during capture\nmore')


def fails(error=None):
    """A run that fails by an error."""
    def run():
        if error is not None:
            raise error
    return run


def end_fails(monkeypatch, error):
    """Let the end of a capture fail, whatever its run has come to."""
    @contextlib.contextmanager
    def graph(*_, **__):
        try:
            yield
        finally:
            raise error

    monkeypatch.setattr(torch.cuda, 'graph', graph)


@pytest.mark.parametrize('error', [TORCHS, CUDAS, CUBLAS])
def test_memory_that_runs_out_in_a_capture_is_no_end_of_the_run(cuda, error):
    with pytest.raises(torch.cuda.OutOfMemoryError, match=str(error)):
        captured_pass.record(fails(error), None)


@pytest.mark.parametrize('error', [None, TORCHS, CUBLAS])
def test_memory_that_lacks_for_the_graph_itself_is_no_end_of_the_run(cuda, monkeypatch, error):
    """As torch ends a capture: the graph is made, and CUDA has no memory for it."""
    end_fails(monkeypatch, CUDAS)
    with pytest.raises(torch.cuda.OutOfMemoryError, match='CUDA error: out of memory'):
        captured_pass.record(fails(error), None)


@pytest.mark.parametrize('error', [None, TORCHS, CUBLAS])
def test_a_capture_that_was_not_ended_in_order_ends_the_run_with_a_remedy(cuda, monkeypatch, error):
    end_fails(monkeypatch, BROKEN)
    with pytest.raises(TrainingError, match=r'during capture\)\. Remedy: .*cuda_graph=False'):
        captured_pass.record(fails(error), None)


def test_a_capture_that_fails_ends_the_run_with_a_remedy(cuda):
    with pytest.raises(TrainingError, match=r'not permitted\)\. Remedy: .*cuda_graph=False'):
        captured_pass.record(fails(RuntimeError('operation not permitted\nand more')), None)


@pytest.mark.parametrize('error', [CUDAS, BROKEN])
def test_the_current_stream_is_the_same_after_the_end_of_a_capture_has_failed(cuda, monkeypatch,
                                                                             error):
    """torch comes back from the stream of a capture only where its end did not fail."""
    current = 'own'

    @contextlib.contextmanager
    def on(stream):
        nonlocal current
        before, current = current, stream
        try:
            yield
        finally:
            current = before

    @contextlib.contextmanager
    def graph(*_, stream, **__):
        nonlocal current
        current = stream
        yield
        raise error

    monkeypatch.setattr(torch.cuda, 'current_stream', lambda: current)
    monkeypatch.setattr(torch.cuda, 'stream', on)
    monkeypatch.setattr(torch.cuda, 'graph', graph)
    with pytest.raises((TrainingError, torch.cuda.OutOfMemoryError)):
        captured_pass.record(lambda: 3, None, 'of the part')
    assert current == 'own'


@pytest.mark.parametrize('error, lacks', [
    (torch.cuda.OutOfMemoryError('x'), True), (RuntimeError('CUDA error: out of memory'), True),
    (RuntimeError('CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`'), True),
    (RuntimeError('cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED'), True),
    (RuntimeError('CUDA error: operation not permitted'), False),
    (ValueError('out of memory'), False)])
def test_a_lack_of_memory_is_known_by_the_words_of_cudas_libraries(error, lacks):
    assert captured_pass.lacks_memory(error) is lacks


def test_warm_up_and_captures_are_on_the_stream_that_is_given(cuda):
    stream = mock.MagicMock()
    captured_pass.warm_up(lambda: None, stream=stream)
    captured_pass.record(lambda: None, 'pool', stream)
    assert not torch.cuda.Stream.called and stream.wait_stream.called
    assert cuda[-1]['stream'] is stream


def test_both_passes_are_captured_on_the_parts_own_stream(cuda, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'graph_pool_handle', lambda: 'pool')
    stream = mock.MagicMock()
    CapturedPass(nn.Linear(2, 2), [torch.ones(1, 2, requires_grad=True)], stream)
    captures = [asked for asked in cuda if isinstance(asked, dict)]
    assert [asked['stream'] for asked in captures] == [stream, stream]
    assert {asked['pool'] for asked in captures} == {'pool'}
