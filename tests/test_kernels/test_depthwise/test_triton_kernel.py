"""The Triton kernels. Without a GPU they run in a process with Triton's interpreter."""
import os
import subprocess
import sys
from contextlib import contextmanager
from unittest import mock

import pytest
import torch
import torch.nn.functional as F

from mmst.kernels.depthwise import can_run, library, triton_kernel

triton = pytest.importorskip('triton')
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
#: Read when Triton is imported, by torch among others: too early to be set in this process.
INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'
runs = pytest.mark.skipif(DEVICE == 'cpu' and not INTERPRETED, reason='run by the interpreter')


@pytest.mark.by_turns(5)
@pytest.mark.skipif(DEVICE == 'cuda' or INTERPRETED, reason='the kernels run in this process')
def test_interpreted_kernels_pass_the_tests_of_this_file():
    result = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', __file__],
        env=dict(os.environ, TRITON_INTERPRET='1'), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert result.returncode == 0 and ' passed' in result.stdout, result.stdout


@pytest.mark.parametrize('error, words', [
    (RuntimeError('Failed to find C compiler. Please specify'), 'Failed to find C compiler'),
    (subprocess.CalledProcessError(1, 'gcc'), "'gcc' returned non-zero"),
    (PermissionError('/.triton'), '/.triton'), (None, '')])
def test_where_triton_cannot_build_what_it_needs_torch_computes_and_the_log_says_why(
        monkeypatch, error, words):
    active = mock.MagicMock(**{'get_current_target.side_effect': error})
    monkeypatch.setattr(triton.runtime, 'driver', mock.MagicMock(active=active))
    printed = []
    monkeypatch.setattr(triton_kernel, 'print_log', lambda text, *_: printed.append(text))
    assert triton_kernel.available.__wrapped__() is (error is None)
    assert len(printed) == (error is not None) and all(words in text for text in printed)


def reference(x, weights, stride, gradient):
    """Output and gradients by torch's convolutions, in double precision."""
    x = x.double().requires_grad_()
    weights = [w.double().requires_grad_() for w in weights]
    parts = zip(x.split([len(w) for w in weights], dim=1), weights, strict=True)
    out = torch.cat([F.conv2d(part, w, None, stride, w.shape[-1] // 2, groups=len(w))
                     for part, w in parts if len(w)], dim=1)
    out.backward(gradient.double())
    return out.detach(), x.grad, [w.grad for w in weights if len(w)]


@runs
@pytest.mark.parametrize('stride, dtype, tolerance', [
    (1, torch.float32, 1e-5), (2, torch.float32, 1e-5), (2, torch.bfloat16, 2e-2)])
def test_kernels_equal_convolutions(monkeypatch, stride, dtype, tolerance):
    monkeypatch.setattr(triton_kernel, 'PROGRAMS', 20)
    widths, size = (33, 0, 2), (3, 17)  # more than a block of channels and of pixels
    x = torch.randn(1, sum(widths), *size, device=DEVICE).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    weights = [
        torch.randn(w, 1, k, k, device=DEVICE).to(dtype)
        for w, k in zip(widths, (3, 5, 7), strict=True)
    ]
    gradient = torch.randn(library.out_shape(x, stride), device=DEVICE).to(dtype)
    out, dx, dw = reference(x, weights, stride, gradient)
    found = [triton_kernel.forward(x, weights, stride),
             triton_kernel.input_gradient(gradient, x.shape, weights, stride),
             *(w for w in triton_kernel.weight_gradients(gradient, x, weights, stride) if len(w))]
    for a, b in zip(found, [out, dx, *dw], strict=True):
        assert a.dtype == dtype
        assert (a - b).abs().max() <= tolerance * b.abs().max()


@pytest.mark.parametrize('capability', [80, 90])
@pytest.mark.parametrize('dtype', ['fp32', 'bf16'])
@pytest.mark.parametrize('name', ['pack', 'forward', 'input_gradient', 'weight_gradient'])
@pytest.mark.skipif(INTERPRETED, reason='the interpreter compiles nothing')
def test_kernels_compile_for_gpus(name, dtype, capability):
    compiled = compile_for(getattr(triton_kernel._jit(), name), dtype, capability)
    assert f'.target sm_{capability}' in compiled.asm['ptx'] and compiled.asm['cubin']


def compile_for(kernel, dtype, capability):
    """Needs no GPU."""
    triton, compiler = pytest.importorskip('triton'), pytest.importorskip('triton.compiler')
    backend = pytest.importorskip('triton.backends.compiler')
    constants = dict(STRIDE=2, BLOCK_C=triton_kernel.BLOCK_C, BLOCK_X=(
        triton_kernel.BLOCK_SUM if 'weight' in kernel.__name__ else triton_kernel.BLOCK_X))
    signature = {}
    for argument in kernel.arg_names:
        if argument in constants:
            signature[argument] = 'constexpr'
        elif argument in triton_kernel._jit()._SIZES:
            signature[argument] = 'i32'
        else:
            signature[argument] = {'plan': '*i32', 'partial': '*fp32'}.get(argument, f'*{dtype}')
    values = {(kernel.arg_names.index(key), ): value for key, value in constants.items()
              if key in kernel.arg_names}
    return triton.compile(compiler.ASTSource(kernel, signature, values),
                          target=backend.GPUTarget('cuda', capability, 32))


@runs
def test_nothing_is_written_beyond_a_slice(monkeypatch):
    x = torch.randn(1, 5, 4, 4, device=DEVICE).contiguous(memory_format=torch.channels_last)
    weights = [torch.randn(w, 1, k, k, device=DEVICE) for w, k in ((2, 3), (3, 5))]
    poisoned = torch.full_like(x, float('nan'), memory_format=torch.channels_last)
    monkeypatch.setattr(triton_kernel, 'empty_map', lambda like, shape: poisoned)
    out = triton_kernel.forward(x, weights, 1)
    assert out is poisoned and out.isfinite().all()


class Launches:
    """Stands for all kernels: notes the map whose GPU is the current one at each launch."""

    def __init__(self):
        self.current, self.found = None, []

    def __getattr__(self, name):
        return self

    def __getitem__(self, grid):
        return lambda *args: self.found.append(self.current)

    @contextmanager
    def device_of(self, tensor):
        self.current = tensor
        yield
        self.current = None


def test_kernels_are_launched_on_the_gpu_of_their_map(monkeypatch):
    launches = Launches()
    monkeypatch.setattr(triton_kernel, '_jit', lambda: launches)
    monkeypatch.setattr(torch.cuda, 'device_of', launches.device_of)
    x, weights = torch.ones(1, 2, 4, 4), [torch.ones(2, 1, 3, 3)]
    triton_kernel.forward(x, weights, 1)
    triton_kernel.input_gradient(x, x.shape, weights, 1)
    triton_kernel.weight_gradients(x, x, weights, 1)
    assert len(launches.found) == 5 and all(current is x for current in launches.found)


def test_slices_of_one_kernel_size_are_left_to_torch():
    twice = [torch.randn(2, 1, 3, 3), torch.randn(2, 1, 3, 3)]
    assert not triton_kernel.can_run(twice)
    assert triton_kernel.can_run([twice[0], torch.randn(0, 1, 3, 3), torch.randn(2, 1, 5, 5)])


@pytest.mark.skipif(DEVICE == 'cpu', reason='needs a GPU')
def test_maps_on_a_gpu_are_taken_unless_two_slices_share_a_size():
    x = torch.randn(1, 4, 4, 4, device=DEVICE).contiguous(memory_format=torch.channels_last)
    three, five = torch.randn(2, 1, 3, 3, device=DEVICE), torch.randn(2, 1, 5, 5, device=DEVICE)
    assert can_run(x, [three, five], 1) and not can_run(x, [three, three], 1)
