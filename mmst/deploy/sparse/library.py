"""The kernel's functions and structures, as ctypes; fields as in ``kernel/*.h``."""
import ctypes
from ctypes import POINTER, Structure, c_float, c_int32, c_int64, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional

import numpy as np

from ...native.build import build_or_tell

SOURCE = Path(__file__).parent / 'kernel' / 'sparse.cpp'


def _fields(kind: Any, names: str) -> list:
    return [(name, kind) for name in names.split()]


class Rows(Structure):
    """A sparse matrix by rows."""
    _fields_ = _fields(c_void_p, 'start offset value')


class Block(Structure):
    """A search block for one size of feature map."""
    _fields_ = [
        *_fields(c_int32, 'hidden outputs chunk chunks phases length tile margin width stride rim '
                 'rim_rows'),
        *_fields(Rows, 'residual expand taps project'),
        *_fields(c_void_p, 'expand_bias depthwise_bias bias low high live_phases rows columns '
                 'constants rim_values rim_class')]


class Layer(Structure):
    """Encoder or decoder layer."""
    _fields_ = [
        *_fields(Rows, 'query key value out widen narrow'),
        *_fields(c_void_p, 'scale1 shift1 scale2 shift2'), *_fields(c_float, 'eps1 eps2'),
        *_fields(c_int32, 'attends feeds feedforward')]


class Transformer(Structure):
    """A lightweight Transformer."""
    _fields_ = [
        *_fields(c_int32, 'tokens padded inputs outputs'), *_fields(c_void_p, 'channels targets'),
        *_fields(Rows, 'input output'), *_fields(c_void_p, 'start bias queries'),
        *_fields(Layer, 'encoder decoder')]


class Map(Structure):
    """A feature map in planes."""
    _fields_ = [('data', c_void_p), *_fields(c_int64, 'image plane'),
                *_fields(c_int32, 'height width stride images channels')]


class Conv(Structure):
    """A convolution for one size of feature map."""
    _fields_ = [*_fields(c_int32, 'outputs phases positive live length margin'),
                ('weights', Rows), *_fields(c_void_p, 'bias channels')]


class Coarse(Structure):
    """A coarser map that a block reads besides."""
    _fields_ = [('data', c_void_p), *_fields(c_int64, 'image plane'),
                *_fields(c_int32, 'height stride'), *_fields(c_void_p, 'hidden outputs')]


class Stem(Structure):
    """Two convolutions of stride 2 for one size of image."""
    _fields_ = [
        *_fields(c_int32, 'inner outputs length tile margin stride live low high'),
        *_fields(Rows, 'first second'), *_fields(c_void_p, 'first_bias bias rows columns channels')]


def fill(kind: type, **values: Any) -> Structure:
    """A structure that keeps its arrays alive.

    Arrays become pointers: float64 and float32 to float, bool and whole numbers to int32.
    """
    filled, kept = kind(), []
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            real = np.issubdtype(value.dtype, np.floating)
            value = np.ascontiguousarray(value, np.float32 if real else np.int32)
            kept.append(value)
            value = value.ctypes.data
        elif isinstance(value, Structure):
            kept.append(value)
        setattr(filled, name, value)
    filled.kept = kept
    return filled


@lru_cache(maxsize=None)
def kernel() -> Optional[ctypes.CDLL]:
    """The compiled functions, or None where they cannot be had; the log says why."""
    library = build_or_tell(
        SOURCE, 'Sparse inference without its kernel, by torch\'s dense layers')
    if library is None:
        return None
    signatures = dict(
        search_block=[POINTER(Block), c_void_p, POINTER(Map), POINTER(Map), c_void_p, c_int32,
                      c_void_p, c_int32, c_void_p, c_int32, c_int32],
        stem=[POINTER(Stem), POINTER(Map), POINTER(Map), c_int32],
        widen=[POINTER(Map), POINTER(Map), c_int32],
        convolve=[POINTER(Conv), POINTER(Map), POINTER(Map), c_int32],
        finish=[c_void_p, POINTER(Map), c_int32, c_int32])
    for name, arguments in signatures.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, None
    return library
