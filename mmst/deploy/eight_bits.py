"""Rounds weights to eight bits each and a scale an output channel."""
import numpy as np

#: Weights of at least this size, infinity and NaN are not rounded.
LARGEST = 1e38


def scales_of(most: np.ndarray) -> np.ndarray:
    """Return the scale of each row, whose largest weight is 127 times the scale at most.

    A scale has the upper half of a single precision number's bits (bfloat16), rounded up: its
    products with eight bits are exact.

    Args:
        most (ndarray): (rows, ), the largest magnitude of a row.
    """
    bits = (most / 127).astype('<f4').view('<u4') + 0xffff
    return np.maximum(bits & 0xffff0000, 1 << 23).astype('<u4').view('<f4')


def as_eight_bits(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return float32 weights as int8, in units of their scales."""
    return (values / scale).round().clip(-127, 127).astype(np.int8)


def in_eight_bits(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales (rows, ) of a float32 weight (rows, columns), and the weight as int8."""
    scale = scales_of(np.abs(weight).max(1, initial=0))
    return scale, as_eight_bits(weight, scale[:, None])


def rows_in_eight_bits(start: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales of a sparse matrix's rows that have non-zeros, and these as int8.

    Args:
        start (ndarray): (rows + 1, ), the first non-zero of each row, and the end of the last one.
        value (ndarray): Of all non-zeros, float32.
    """
    counts = np.diff(start)
    there = counts > 0
    most = np.maximum.reduceat(np.abs(value), start[:-1][there]) if len(value) else np.zeros(0)
    scale = scales_of(most)
    return scale, as_eight_bits(value, np.repeat(scale, counts[there]))


def round_weight(weight: np.ndarray) -> np.ndarray:
    """Return a weight of any shape, whose first dimension are its outputs, as eight bits hold it.

    Returns:
        ndarray: Of the same shape, float32; the weight itself where it has no finite scale.
    """
    flat = np.asarray(weight, np.float32)
    if not flat.size or not (np.abs(flat) < LARGEST).all():
        return flat
    scale, values = in_eight_bits(flat.reshape(len(flat), -1))
    return (values * scale[:, None]).reshape(flat.shape)
