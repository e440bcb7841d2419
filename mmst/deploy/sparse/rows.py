"""Holds sparse matrices by rows, as numpy arrays."""
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from .library import Rows, make_structure


@dataclass(frozen=True)
class SparseRows:
    """Holds the non-zeros of a matrix, row by row.

    Attributes:
        start (ndarray): Of each row, and the end of the last one.
        column (ndarray): Of each non-zero.
        value (ndarray): float32.
    """
    start: np.ndarray
    column: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, matrix: Tensor | np.ndarray) -> 'SparseRows':
        """Return the non-zeros of a dense (rows, columns) matrix."""
        matrix = np.asarray(matrix)
        row, column = matrix.nonzero()
        counts = np.bincount(row, minlength=len(matrix))
        start = np.concatenate([[0], counts.cumsum()]).astype(np.int32)
        return cls(start, column.astype(np.int32), matrix[row, column].astype(np.float32))

    def with_offsets(self, offset: int | np.ndarray) -> Rows:
        """Return the rows for the kernel: column c's values lie at ``offset[c]``, or ``c *
        offset``.
        """
        column = self.column.astype(np.int64)
        place = (column * offset if isinstance(offset, (int, np.integer))
                 else np.asarray(offset)[column])
        return make_structure(Rows, start=self.start, offset=place, value=self.value)

    def columns(self) -> np.ndarray:
        """Return columns with a non-zero, ascending."""
        return np.unique(self.column)

    def __len__(self) -> int:
        return len(self.value)
