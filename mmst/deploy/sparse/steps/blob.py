"""Writes the weights' file of a C library; ``kernel/reader.h`` and ``layers_read.h`` read it."""
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...eight_bits import rows_in_eight_bits
from ..rows import SparseRows

MAGIC = b'MMSTCLIB'
#: Versions of the files: the first has layers alone, the second operations between them, too, the
#: third weights of eight bits, the fourth rules for labels.
LAYERS, OPERATIONS, EIGHT_BITS, LABELS = 1, 2, 3, 4
#: Types of the weights, by number.
DTYPES = dict(float32=0, int8=1)
#: Largest parameter of a Rice code, and so of the zeros that it tells with few bits.
MOST_RICE = 24


class Blob:
    """Joins little-endian numbers, arrays and sparse matrices.

    Args:
        int8 (bool): Whether matrices have eight bits a non-zero, and a scale a row.
    """

    def __init__(self, int8: bool = False):
        self.int8, self.parts = int8, list[bytes]()

    def numbers(self, *values: int | np.integer) -> None:
        """Append whole numbers, four bytes each."""
        self.parts.append(struct.pack(f'<{len(values)}i', *map(int, values)))

    def floats(self, values: Any) -> None:
        """Append an array of numbers in single precision, without its shape."""
        self.parts.append(np.asarray(values, '<f4').tobytes())

    def integers(self, values: Any) -> None:
        """Append an array of whole numbers, without its shape."""
        self.parts.append(np.asarray(values, '<i4').tobytes())

    def matrix(self, rows: SparseRows, columns: int) -> None:
        """Append non-zeros: how many, their values, and the zeros before each as Rice codes."""
        row = np.repeat(np.arange(len(rows.start) - 1), np.diff(rows.start))
        places = row.astype(np.int64) * columns + rows.column
        rice, codes = rice_codes(np.diff(places, prepend=-1) - 1)
        self.numbers(len(rows), rice, len(codes))
        if self.int8:
            scale, values = rows_in_eight_bits(rows.start, rows.value)
            self.parts += [codes, halves_of(scale), values.tobytes()]
        else:
            self.floats(rows.value)
            self.parts.append(codes)

    def body(self) -> bytes:
        """Return all that was appended."""
        return b''.join(self.parts)

    def file(self, version: int) -> bytes:
        """Return the whole file, with its head."""
        body = self.body()
        dtype = DTYPES['int8' if self.int8 else 'float32']
        version = max(version, EIGHT_BITS) if self.int8 else version
        return MAGIC + struct.pack('<IIQQ', version, dtype, len(body), checksum(body)) + body


def halves_of(scale: np.ndarray) -> bytes:
    """Return the upper halves of single precision numbers."""
    return (scale.view('<u4') >> 16).astype('<u2').tobytes()


def rice_codes(gaps: np.ndarray) -> tuple[int, bytes]:
    """Return the parameter k that needs least room, and the codes of whole numbers from 0 on.

    A number is coded as ``gap >> k`` ones and a zero, then its k last bits, the lowest first.
    """
    if not len(gaps):
        return 0, b''
    k, total = 0, int(gaps.sum())
    while k < MOST_RICE:  # the first step that saves nothing: each saves less than the one before
        fewer = int((gaps >> k + 1).sum())
        if total - fewer <= len(gaps):
            break
        k, total = k + 1, fewer
    ones = gaps >> k
    ends = (ones + 1 + k).cumsum()
    steps = np.zeros(int(ends[-1]) + 1, np.int64)
    begins = ends - (ones + 1 + k)
    np.add.at(steps, begins, 1)
    np.add.at(steps, begins + ones, -1)
    bits = steps.cumsum()[:-1].astype(np.uint8)
    for bit in range(k):
        bits[ends - k + bit] = gaps >> bit & 1
    return k, np.packbits(bits, bitorder='little').tobytes()


def checksum(data: bytes) -> int:
    """Return FNV-1a, 64 bits."""
    found, prime, bound = 14695981039346656037, 1099511628211, 2**64 - 1
    for byte in data:
        found = (found ^ byte) * prime & bound
    return found


def rows_of(structure: Any, step: int) -> SparseRows:
    """Return the matrix of a structure of the kernel, whose columns lie ``step`` floats apart."""
    values = structure.values
    return SparseRows(values['start'], values['offset'] // step, values['value'])


def no_rows(count: int) -> SparseRows:
    """Return a matrix of zeros."""
    return SparseRows.of(np.zeros((count, 0)))


def dense(values: Sequence[float], channels: int) -> np.ndarray:
    """Return one number a channel; a single one stands for all."""
    return np.broadcast_to(np.asarray(values, np.float32).ravel(), channels)
