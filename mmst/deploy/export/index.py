"""Packs a sparse file's description of its layers, thousands of names, into few bytes."""
import json
import zlib
from typing import Any

import torch
from torch import Tensor

from ... import files

#: Bytes of text that any file may unpack to; more only as far as it stores weights.
ROOM = 1 << 20


def pack_index(layers: list[dict[str, Any]], masked: list[str]) -> Tensor:
    """Return the description as a uint8 tensor."""
    text = json.dumps(dict(layers=layers, masked=masked), separators=(',', ':'))
    return torch.frombuffer(bytearray(zlib.compress(text.encode(), 9)), dtype=torch.uint8)


def unpack_index(index: Tensor, stored: int) -> tuple[list[Any], list[Any]]:
    """Return layers and names of masked ones as they were given to :func:`pack_index`.

    Args:
        index (Tensor): Its result.
        stored (int): Bytes of the file's weights: a longer text is refused before it is unpacked.

    Raises:
        Exception: It is damaged, or unpacks to far more; almost anything can come.
    """
    if index.dtype != torch.uint8 or index.dim() != 1:
        raise ValueError('its index is no text')
    reader = zlib.decompressobj()
    text = reader.decompress(index.numpy().tobytes(), stored + ROOM)
    if not reader.eof:
        raise ValueError('its index unpacks to more than the file')
    found = files.parse_json(text.decode())
    layers, masked = found['layers'], found['masked']
    if not isinstance(layers, list) or not isinstance(masked, list):
        raise ValueError('its index holds no layers')
    return layers, masked
