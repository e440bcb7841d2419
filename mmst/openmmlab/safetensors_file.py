"""Writes and reads tickets as files of safetensors: tensors, and one text that describes them.

Weights have their own names, so that any tool that knows safetensors can read them. A mask is one
bit a weight. The text, under ``mmst`` in the file's metadata, is JSON and holds all the rest.
"""
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .. import files
from ..inspection.measure import SHARING
from ..optional import need
from .plain_json import from_json, to_json

SUFFIX = '.safetensors'
#: Bytes of the header, with the text: the full network's has about 2 MB.
_HEADER = 1 << 24
_KEY = 'mmst'


def is_safetensors(start: bytes) -> bool:
    """Return whether a file that starts so is one of safetensors.

    Args:
        start (bytes): At least the first nine bytes: the header's length, and its first sign.
    """
    return len(start) >= 9 and 2 <= int.from_bytes(start[:8], 'little') < 1 << 40 and (
        start[8:9] == b'{')


def to_bytes(content: Mapping[str, Any]) -> bytes:
    """Return the file of a ticket's content, which :func:`from_bytes` gives back, bit by bit.

    Args:
        content (Mapping): ``state_dict`` and ``mask``: tensors by name; plain data.

    Raises:
        ConfigError: safetensors is not installed.
    """
    write = need('safetensors.torch', 'a ticket as safetensors', 'safetensors').save
    tensors: dict[str, Tensor] = {}
    first: dict[int, str] = {}
    shared: dict[str, str] = {}
    for name, value in content['state_dict'].items():
        same = first.setdefault(id(value), name)
        if same == name:
            # Copies: safetensors refuses tensors that share memory, and views would take all of it.
            tensors[name] = value.detach().cpu().contiguous().clone()
        else:
            shared[name] = same
    masks = {}
    for name, kept in content['mask'].items():
        masks[name] = _free_name(f'{name}.kept', tensors)
        tensors[masks[name]] = torch.from_numpy(np.packbits(kept.cpu().numpy().reshape(-1)))
    others: dict[str, Tensor] = {}
    rest = {key: value for key, value in content.items() if key not in ('state_dict', 'mask')}
    text = dict(rest=to_json(rest, others), weights=list(content['state_dict']), shared=shared,
                masks=masks, others={name: _free_name(name, tensors) for name in others})
    tensors.update((text['others'][name], value.detach().cpu().contiguous().clone())
                   for name, value in others.items())
    # `format` is the convention of other readers: which library's tensors they are.
    return write(tensors, metadata={'format': 'pt', _KEY: json.dumps(text)})


def from_bytes(data: bytes) -> dict[str, Any]:
    """Return the content of a ticket's file, or other tools' weights; nothing in it is executed.

    It takes a small multiple of the file's size: safetensors holds each tensor once and whole, and
    a mask is no larger than its weight.

    Raises:
        ConfigError: safetensors is not installed.
        Exception: It is damaged, or no file of :func:`to_bytes`; almost anything can come.
    """
    read = need('safetensors.torch', 'a ticket as safetensors', 'safetensors').load
    length = int.from_bytes(data[:8], 'little')
    if length > min(_HEADER, len(data)):
        raise ValueError('its header is longer than any ticket\'s')
    tensors = read(data)  # checks places and sizes
    header = files.parse_json(data[8:8 + length].decode())
    described = header.get('__metadata__', {}).get(_KEY)
    if described is None:
        return dict(state_dict=tensors)
    text = files.parse_json(described)
    state: dict[str, Tensor] = {}
    for name in text['weights']:
        state[name] = tensors[name] if name not in text['shared'] else state[text['shared'][name]]
    mask = {name: _unpack(tensors[key], state[name]) for name, key in text['masks'].items()}
    others = {name: tensors[key] for name, key in text['others'].items()}
    if sum(map(_bytes, state.values())) > SHARING * len(data):
        raise ValueError('its weights name each other so often that they unfold to far more')
    used = len(state) - len(text['shared']) + len(mask) + len(others)
    if used != len(tensors):
        raise ValueError('it has tensors of which its description says nothing')
    return dict(from_json(text['rest'], others), state_dict=state, mask=mask)


def _unpack(bits: Tensor, weight: Tensor) -> Tensor:
    count = math.prod(weight.shape)
    if bits.dtype != torch.uint8 or bits.dim() != 1 or len(bits) != -(-count // 8):
        raise ValueError('a mask does not fit its weight')
    kept = np.unpackbits(bits.numpy(), count=count).astype(bool)
    return torch.from_numpy(kept).view(weight.shape)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += '_'
    return name
