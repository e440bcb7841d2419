"""Measures the ceilings of one core, and the share of them that a sparse network reaches."""
import ctypes
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from mmst.deploy.sparse import SparseModel
from mmst.deploy.sparse.library import SOURCE
from mmst.deploy.sparse.sparse_block import SparseSearchBlock
from mmst.deploy.sparse.sparse_conv import SparseConv
from mmst.deploy.sparse.sparse_stem import SparseStem
from mmst.kernels.native.build import target_flags
from mmst.kernels.native.compiler import FLAGS, find_compiler

#: Floats of the arrays that are streamed: feature maps of a whole network, and of one block.
LARGE, SMALL = 1 << 24, 1 << 16


def ceilings() -> dict[str, float] | None:
    """Measure multiply-adds and bytes a second of one thread; None without a compiler."""
    compiler = find_compiler()
    if compiler is None:
        return None
    source = Path(__file__).with_name('ceilings.cpp')
    with tempfile.TemporaryDirectory() as folder:
        path = f'{folder}/ceilings.so'
        subprocess.run([*compiler, *FLAGS, *target_flags(), f'-I{SOURCE.parent}', str(source), '-o',
                        path], check=True)
        library = ctypes.CDLL(path)
    for name in ('multiply_adds', 'stream'):
        getattr(library, name).restype = ctypes.c_double
    library.stream.argtypes = [ctypes.c_int64]
    return dict(multiply_adds=library.multiply_adds(), memory=library.stream(LARGE),
                cache=library.stream(SMALL))


def bytes_moved(model: SparseModel, image: Tensor) -> int:
    """Count bytes of the feature maps that the kernel's passes read and write, each once a pass."""
    moved = 0

    def count(module, inputs, output):
        nonlocal moved
        added = len(inputs) > 1 and inputs[1] is not None  # the output is read, too
        moved += inputs[0].numel() + output.numel() * (1 + added)

    hooks = [m.register_forward_hook(count) for m in model.modules()
             if isinstance(m, (SparseSearchBlock, SparseConv, SparseStem))]
    with torch.inference_mode():
        model(image)
    for hook in hooks:
        hook.remove()
    return 4 * moved
