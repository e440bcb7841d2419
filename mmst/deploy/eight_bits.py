"""Rounds weights to eight bits each and a scale an output channel."""
import numpy as np

#: Weights of at least this size, infinity and NaN are not rounded.
LARGEST = 1e38
#: Bits of the smallest scale.
LEAST = 1 << 23
#: Of a scale, how far a weight may lie from its multiples to count as one: single precision has
#: rounded it, and its product with a norm's scale.
NEAR = 1e-4


def scales_of(most: np.ndarray) -> np.ndarray:
    """Return the scale of each row, whose largest weight is 127 times the scale at most.

    A scale has the upper half of a single precision number's bits (bfloat16), rounded up: its
    products with eight bits are exact.

    Args:
        most (ndarray): (rows, ), the largest magnitude of a row.
    """
    bits = (most / 127).astype('<f4').view('<u4') + 0xffff
    return np.maximum(bits & 0xffff0000, LEAST).astype('<u4').view('<f4')


def as_eight_bits(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return float32 weights as int8, in units of their scales."""
    return (values / scale).round().clip(-127, 127).astype(np.int8)


def in_eight_bits(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales (rows, ) of a float32 weight (rows, columns), and the weight as int8.

    Scales and weights are those of :func:`rows_in_eight_bits`.
    """
    kept = weight != 0
    scale, values = np.zeros(len(weight), '<f4'), np.zeros(weight.shape, np.int8)
    scale[:] = scales_of(np.zeros(1))
    start = np.concatenate([[0], kept.sum(1).cumsum()])
    scale[kept.any(1)], values[kept] = rows_in_eight_bits(start, weight[kept])
    return scale, values


def rows_in_eight_bits(start: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scales of a sparse matrix's rows that have non-zeros, and these as int8.

    A row that eight bits have held before, perhaps with another scale, gets the same eight bits.

    Args:
        start (ndarray): (rows + 1, ), the first non-zero of each row, and the end of the last one.
        value (ndarray): Of all non-zeros, float32.
    """
    counts = np.diff(start)
    there = counts > 0
    first, counts = start[:-1][there], counts[there]
    size = np.abs(value)
    most = np.maximum.reduceat(size, first) if len(value) else np.zeros(0)
    held = _held_scales(size, most, first, counts)
    scale = np.where(held > 0, held, scales_of(most)).astype('<f4')
    return scale, as_eight_bits(value, np.repeat(scale, counts))


def _held_scales(size: np.ndarray, most: np.ndarray, first: np.ndarray,
                 counts: np.ndarray) -> np.ndarray:
    """Return the scale of each row whose weights all are whole multiples of one, else 0.

    Of several that do, the one that bfloat16 gives best.
    """
    units = np.arange(1, 128)  # that the largest weight may have been
    fits = np.ones((len(first), len(units)), bool)
    with np.errstate(divide='ignore', over='ignore', invalid='ignore'):
        for place in range(counts.max(initial=0)):
            rows = np.flatnonzero((counts > place) & fits.any(1))
            if not len(rows):
                break
            share = size[first[rows] + place].astype(np.float64) / most[rows]
            found = share[:, None] * units
            fits[rows] &= np.abs(found - found.round()) < NEAR
        exact = (most[:, None] / units).astype('<f4')
        bits = exact.view('<u4').astype(np.uint64) + 0x7fff & 0xffff0000
        scales = bits.astype('<u4').view('<f4')
        error = np.where(fits & (bits >= LEAST), np.abs(scales / exact - 1), np.inf)
    best = error.argmin(1)[:, None]
    return np.where(np.isfinite(np.take_along_axis(error, best, 1)),
                    np.take_along_axis(scales, best, 1), 0)[:, 0]


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
