"""The Triton kernels. Where there is no GPU, a process that Triton's interpreter serves runs them."""
import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from mmst.models.depthwise import library, triton_kernel

pytest.importorskip('triton')
DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
#: Read when Triton is imported, by torch among others: too early to be set in this process.
INTERPRETED = os.environ.get('TRITON_INTERPRET') == '1'
runs = pytest.mark.skipif(DEVICE == 'cpu' and not INTERPRETED, reason='run by the interpreter')


@pytest.mark.skipif(DEVICE == 'cuda' or INTERPRETED, reason='the kernels run in this process')
def test_interpreted_kernels_pass_the_tests_of_this_file():
    result = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', __file__],
        env=dict(os.environ, TRITON_INTERPRET='1'), text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert result.returncode == 0 and ' passed' in result.stdout, result.stdout


def reference(x, weights, stride, gradient):
    """Output and gradients by torch's convolutions, in double precision."""
    x = x.double().requires_grad_()
    weights = [w.double().requires_grad_() for w in weights]
    parts = zip(x.split([len(w) for w in weights], dim=1), weights)
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
    weights = [torch.randn(w, 1, k, k, device=DEVICE).to(dtype) for w, k in zip(widths, (3, 5, 7))]
    gradient = torch.randn(library.out_shape(x, stride), device=DEVICE).to(dtype)
    out, dx, dw = reference(x, weights, stride, gradient)
    found = [triton_kernel.forward(x, weights, stride),
             triton_kernel.input_gradient(gradient, x.shape, weights, stride),
             *(w for w in triton_kernel.weight_gradients(gradient, x, weights, stride) if len(w))]
    for a, b in zip(found, [out, dx, *dw]):
        assert a.dtype == dtype
        assert (a - b).abs().max() <= tolerance * b.abs().max()
