"""Declares the kernel's functions and structures by ctypes; fields as in ``kernel/*.h``."""
import ctypes
from ctypes import POINTER, c_float, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ...errors import TrainingError, config_error
from ...kernels.native.build import build_or_log, is_built

Kind = TypeVar('Kind', bound='Structure')

SOURCE = Path(__file__).parent / 'kernel' / 'sparse.cpp'


def _fields(kind: Any, names: str) -> list:
    return [(name, kind) for name in names.split()]


class Structure(ctypes.Structure):
    """Allows copies and pickles: each is made again from the same values."""

    def __reduce__(self):
        return _refill, (type(self), self.values)


class Rows(Structure):
    """Is a sparse matrix by rows."""
    _fields_ = _fields(c_void_p, 'start offset value')


class Block(Structure):
    """Is a search block for one size of feature map."""
    _fields_ = [
        *_fields(c_int32, 'hidden outputs chunk chunks phases length tile margin width stride rim '
                 'rim_rows'),
        *_fields(Rows, 'residual expand taps project'),
        *_fields(c_void_p, 'expand_bias depthwise_bias bias low high live_phases rows columns '
                 'constants rim_values rim_class')]


class Layer(Structure):
    """Is an encoder or decoder layer."""
    _fields_ = [
        *_fields(Rows, 'query key value out widen narrow'),
        *_fields(c_void_p, 'scale1 shift1 scale2 shift2'), *_fields(c_float, 'eps1 eps2'),
        *_fields(c_int32, 'attends feeds feedforward')]


class Transformer(Structure):
    """Is a lightweight Transformer."""
    _fields_ = [
        *_fields(c_int32, 'tokens padded inputs outputs'), *_fields(c_void_p, 'channels targets'),
        *_fields(Rows, 'input output'), *_fields(c_void_p, 'start bias queries'),
        *_fields(Layer, 'encoder decoder')]


class Map(Structure):
    """Is a feature map in planes."""
    _fields_ = [('data', c_void_p), *_fields(c_int64, 'image plane'),
                *_fields(c_int32, 'height width stride images channels')]


class Conv(Structure):
    """Is a convolution for one size of feature map."""
    _fields_ = [*_fields(c_int32, 'outputs phases positive live length margin'),
                ('weights', Rows), *_fields(c_void_p, 'bias channels')]


class Coarse(Structure):
    """Is a coarser map that a block reads as well."""
    _fields_ = [('data', c_void_p), *_fields(c_int64, 'image plane'),
                *_fields(c_int32, 'height stride'), *_fields(c_void_p, 'hidden outputs')]


class Stem(Structure):
    """Is a pair of convolutions of stride 2 for one size of image."""
    _fields_ = [
        *_fields(c_int32, 'inner outputs length tile margin stride live low high'),
        *_fields(Rows, 'first second'), *_fields(c_void_p, 'first_bias bias rows columns channels')]


def make_structure(kind: type[Kind], **values: Any) -> Kind:
    """Return a structure that keeps its arrays alive.

    Arrays become pointers: float64 and float32 to float, bool and whole numbers to int32.

    Raises:
        ConfigError: A whole number has no room in int32: the map is too large for the kernel.
    """
    filled = kind()
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            values[name] = _as_array(value)
            value = values[name].ctypes.data
        elif isinstance(value, (int, np.integer)):
            _check_int32(value, value)
        setattr(filled, name, value)
    filled.values = values
    return filled


def _refill(kind: type, values: Any) -> Structure:
    return make_structure(kind, **values)


def _as_array(value: np.ndarray) -> np.ndarray:
    """Return an array that owns its memory: a tensor's moves when the tensor is shared with another
    process, and the address of a view of it leads nowhere then.
    """
    floating = np.issubdtype(value.dtype, np.floating)
    if not floating and value.size and value.dtype.itemsize > 4:
        _check_int32(value.min(), value.max())
    found = np.ascontiguousarray(value, np.float32 if floating else np.int32)
    return found if found.flags.owndata else found.copy()


def _check_int32(low: int | np.integer, high: int | np.integer) -> None:
    """Refuse maps whose positions cannot be counted in 32 bits."""
    if low < -2**31 or high >= 2**31:
        raise config_error('positions in a feature map', int(high), 'the kernel counts them in 32 '
                           'bits', 'cut the images into parts')


@cache
def kernel() -> ctypes.CDLL | None:
    """Return the compiled functions, or None where they cannot be had; the log says why."""
    library = build_or_log(
        SOURCE, 'Sparse inference without its kernel, by torch\'s dense layers')
    if library is None:
        return None
    library.held.argtypes, library.held.restype = [], c_int64
    library.open_steps.argtypes = [ctypes.c_char_p, c_int64, POINTER(c_int32)]
    library.open_steps.restype = c_void_p
    library.run_steps.argtypes = [c_void_p, POINTER(Map), POINTER(Map), c_int32, c_void_p]
    library.run_steps.restype = c_int32
    signatures = dict(
        search_block=[POINTER(Block), c_void_p, POINTER(Map), POINTER(Map), c_void_p, c_int32,
                      c_void_p, c_int32, c_void_p, c_int32, c_int32],
        stem=[POINTER(Stem), POINTER(Map), POINTER(Map), c_int32],
        sample_enlarged=[POINTER(Map), c_void_p, c_int32, c_int32, c_int32, c_void_p, c_int64],
        widen=[POINTER(Map), POINTER(Map), c_int32],
        convolve=[POINTER(Conv), POINTER(Map), POINTER(Map), c_int32],
        finish=[c_void_p, POINTER(Map), c_int32, c_int32],
        gather_channels=[POINTER(Map), c_void_p, c_void_p, POINTER(Map), c_int32],
        add=[POINTER(Map), POINTER(Map), POINTER(Map), c_int32],
        shift=[POINTER(Map), c_void_p, c_int32, POINTER(Map), c_int32],
        mixer=[POINTER(Transformer), POINTER(Map), POINTER(Map), c_int32],
        **{name: [POINTER(Map), POINTER(Map), c_int32] for name in ('resize', 'enlarge', 'mean')},
        close_steps=[c_void_p], release=[])
    for name, arguments in signatures.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, None
    return library


def kernel_is_built() -> bool:
    """Return whether :func:`kernel` needs no compiler's work any more."""
    return is_built(SOURCE)


def functions() -> ctypes.CDLL:
    """Return the functions of :func:`kernel` for a network that is sparse already.

    Raises:
        TrainingError: A copied or unpickled network meets a machine without the kernel.
    """
    found = kernel()
    if found is None:
        raise TrainingError('the network was made for the sparse kernel, which cannot be had here '
                            '(the log says why). Remedy: install a C++ compiler, or run the ticket '
                            'itself.')
    return found


def free_scratch() -> None:
    """Free the memory that the kernel keeps between calls of any model."""
    if kernel.cache_info().currsize:
        found = kernel()
        if found is not None:
            found.release()
