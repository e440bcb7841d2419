"""Codes positions of a layer's kept weights in as few bytes as possible."""
import zlib

import numpy as np

from ...errors import TicketError

#: ``bits``: one bit a weight. ``gaps``: for each kept weight the zeros before it, a byte each, 255
#: for 255 zeros and on. Either may be packed by zlib.
CODINGS = ('bits', 'gaps', 'bits+zlib', 'gaps+zlib')


def encode(kept: np.ndarray) -> tuple[str, bytes]:
    """Return the smallest coding of a flat bool array and its name.

    At density d no coding of random positions needs less than
    -d log2(d) - (1 - d) log2(1 - d) bits a weight.
    """
    bits, gaps = np.packbits(kept).tobytes(), _gaps(kept)
    found = dict(
        zip(CODINGS, (bits, gaps, zlib.compress(bits, 9), zlib.compress(gaps, 9)), strict=True))
    best = min(CODINGS, key=lambda name: len(found[name]))
    return best, found[best]


def decode(coding: str, data: bytes, count: int, most: int | None = None) -> np.ndarray:
    """Return the flat bool array of ``count`` weights that :func:`encode` was given.

    Args:
        coding (str): Its name.
        data (bytes): Its result.
        count (int): Weights of the layer.
        most (int, optional): Values that are there, and so the most weights that are kept.
            Defaults to ``count``.

    Raises:
        TicketError: No such coding, or data that do not fit.
    """
    try:
        form, _, packed = coding.partition('+')
        if coding not in CODINGS:
            raise ValueError(f'coding {coding!r} is unknown')
        kept = count if most is None else min(count, most)
        limit = count // 8 + 1 if form == 'bits' else count // 255 + kept + 1
        data = _unpack(data, limit) if packed else data
        if len(data) > limit:
            raise ValueError('there are more positions than weights')
        return _from_bits(data, count) if form == 'bits' else _from_gaps(data, count)
    except (ValueError, zlib.error) as error:
        raise TicketError(f'positions of weights are damaged: {error}. Remedy: export the ticket '
                          'again.') from None


def _gaps(kept: np.ndarray) -> bytes:
    places = np.flatnonzero(kept)
    zeros = np.diff(places, prepend=-1) - 1
    out = np.full(int((zeros // 255 + 1).sum()), 255, np.uint8)
    out[np.cumsum(zeros // 255 + 1) - 1] = zeros % 255
    return out.tobytes()


def _from_gaps(data: bytes, count: int) -> np.ndarray:
    steps = np.frombuffer(data, np.uint8).astype(np.int64)
    ends = steps < 255
    if len(steps) and not ends[-1]:
        raise ValueError('a gap does not end')
    places = np.cumsum(steps + ends)[ends] - 1
    if len(places) and places[-1] >= count:
        raise ValueError('a position lies outside')
    kept = np.zeros(count, bool)
    kept[places] = True
    return kept


def _from_bits(data: bytes, count: int) -> np.ndarray:
    if len(data) != -(-count // 8):
        raise ValueError('there are more or fewer bits than weights')
    return np.unpackbits(np.frombuffer(data, np.uint8), count=count).astype(bool)


def _unpack(data: bytes, limit: int) -> bytes:
    """Return data of zlib, of at most ``limit`` bytes: a few bytes may claim to be gigabytes."""
    reader = zlib.decompressobj()
    found = reader.decompress(data, limit)
    if not reader.eof:
        raise ValueError('packed data do not end where they should')
    return found
