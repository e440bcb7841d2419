"""Stores a ticket as a file of its kept weights and their positions."""
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ... import files
from ...errors import TicketError
from ...models.hrnas.coordinate_order import projections, swap_all
from ...openmmlab.safe_checkpoints import safe_load
from ...pruning.mask import Mask
from ...tickets import Ticket
from ...tickets.content import SPARSE
from ...tickets.digest import digest
from ...tickets.plain_data import as_plain_data
from ...tickets.weights import place
from .coding import decode, encode
from .declared import check_declared
from .index import pack_index, unpack_index
from .int8 import SMALL, from_int8, has_int8, in_int8, is_vector, rows, to_int8

FORMAT, VERSION = SPARSE, 4
#: From this version on the Transformers' coordinates are in the present order, and a weight that
#: layers share is stored once.
_COLUMNS_FIRST = 2
#: From this version on layers and masked names are one packed text.
_PACKED = 3
#: From this version on weights may have eight bits; files without such are written as before.
_EIGHT_BITS = 4
_FIELDS = dict(format=str, version=int, digest=str, model=dict, meta=dict, positions=Tensor,
               values=dict)
_INDEX: dict[bool, dict[str, type]] = {
    True: dict(index=Tensor), False: dict(layers=list, masked=list)}
#: Type of the scales of weights of eight bits: one for each row that has any.
SCALE = 'bfloat16'


def save_sparse(ticket: Ticket, path: str | Path, int8: bool = False) -> dict[str, float]:
    """Write the file; :func:`load_sparse` gives the same ticket, bit by bit; with ``int8`` that
    of :func:`in_int8`.

    A layer takes four bytes a kept weight in single precision, or one in eight bits, and a bit a
    weight, or a byte a kept one, for the positions, whichever is less. Few large tensors hold all
    of it: many small ones would take more room than their content.

    Returns:
        dict: ``weights`` and ``kept``: of the sparse layers; ``position_bits``: a weight of theirs;
        ``bytes``: of the file.
    """
    layers: list[dict[str, Any]] = []
    positions: list[bytes] = []
    values: dict[str, list[Tensor]] = {}
    sums = dict(weights=0, kept=0)
    first: dict[tuple, str] = {}
    for name, tensor in ticket.state_dict.items():
        same = first.setdefault(place(tensor) or (name, ), name)
        if same != name:  # a weight that layers share
            layers.append(dict(name=name, same=same))
            continue
        layer: dict[str, Any] = dict(name=name, shape=list(tensor.shape))
        scale = None
        if int8 and has_int8(name, tensor):
            layer['of'] = 'float32'
            scale, tensor = to_int8(tensor)
        elif int8 and is_vector(tensor):
            layer['of'] = 'float32'
            tensor = tensor.half()
        kept = _stored_positions(name, tensor if scale is None else tensor.float(), ticket.mask)
        layer['dtype'] = dtype = str(tensor.dtype).split('.')[-1]
        if scale is not None:
            values.setdefault(SCALE, []).append(scale[rows(tensor.shape, kept)])
        flat = tensor.detach().cpu().contiguous().flatten()
        if kept is not None:
            layer['coding'], data = encode(kept)
            layer['bytes'] = len(data)
            positions.append(data)
            flat = flat[torch.from_numpy(kept)]
            sums = dict(weights=sums['weights'] + len(kept), kept=sums['kept'] + len(flat))
        values.setdefault(dtype, []).append(flat)
        layers.append(layer)
    joined = b''.join(positions)
    content = dict(model=as_plain_data(ticket.model),
                   meta=as_plain_data(ticket.meta),
                   index=pack_index(layers, list(ticket.mask)),
                   positions=torch.frombuffer(bytearray(joined or b'\0'), dtype=torch.uint8),
                   values={
                       dtype: torch.cat(parts)
                       for dtype, parts in values.items()
                   })
    version = _EIGHT_BITS if int8 else _PACKED
    stored = _digest(in_int8(ticket) if int8 else ticket, version)
    buffer = io.BytesIO()
    torch.save(dict(format=FORMAT, version=version, digest=stored, **content), buffer)
    files.write_bytes(path, buffer.getvalue())
    return dict(sums, position_bits=8 * len(joined) / max(sums['weights'], 1),
                bytes=len(buffer.getvalue()))


def load_sparse(path: str | Path) -> Ticket:
    """Read and check a file of :func:`save_sparse`; nothing in it is executed.

    Raises:
        TicketError: There is no such file, it is damaged or of another kind.
    """
    if not Path(path).is_file():
        raise TicketError(f'{path}: no such file. Remedy: give the path of a sparse file.')
    return from_content(path, safe_load(str(path), 'cpu'))


def from_content(path: str | Path, content: Any) -> Ticket:
    """Check the content of a sparse file, as
    :func:`~mmst.openmmlab.safe_checkpoints.safe_load` reads it.

    Raises:
        TicketError: It is damaged, of another kind, or claims more than it holds.
    """
    _check_format(path, content)
    try:
        content = with_index(content)
        check_declared(content)
        state, kept = _unpack(content)
        ticket = Ticket(content['model'], state, Mask(kept), content['meta'])
        ticket.check()
        if _digest(ticket, content['version']) != content['digest']:
            raise TicketError('it is damaged or was changed. Remedy: export the ticket again.')
        if content['version'] < _COLUMNS_FIRST:
            names = projections(state)
            ticket = Ticket(ticket.model, swap_all(state, names), Mask(swap_all(kept, names)),
                            ticket.meta)
    except TicketError as error:
        raise TicketError(f'{path}: {error}') from None
    except Exception as error:  # another content than save_sparse writes
        raise TicketError(f'{path} is damaged: {" ".join(str(error).split())}. Remedy: export the '
                          'ticket again.') from error
    return replace(ticket, source=str(path))


def with_index(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a file's content with ``layers`` and ``masked``, as former versions had them."""
    if content['version'] < _PACKED:
        return content
    stored = content['positions'].numel() + sum(
        value.numel() * value.element_size() for value in content['values'].values())
    layers, masked = unpack_index(content['index'], stored)
    return dict(content, layers=layers, masked=masked)


def is_sparse_file(content: Any) -> bool:
    """Return whether the content of a file is that of :func:`save_sparse`."""
    return isinstance(content, dict) and content.get('format') == FORMAT


def _stored_positions(name: str, tensor: Tensor, mask: Mapping[str, Tensor]) -> np.ndarray | None:
    """Return the flat positions whose values are stored; None: of all, without positions."""
    if name in mask:
        return mask[name].cpu().numpy().reshape(-1)
    if tensor.numel() < SMALL or not tensor.is_floating_point():
        return None
    # Bits, not values: a negative zero is no zero that could be left out.
    values = tensor.detach().cpu().contiguous().flatten()
    kept = (values.view(torch.uint8).view(len(values), -1) != 0).any(1).numpy()
    return kept if kept.mean() < 0.9 else None


def _unpack(content: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    data = content['positions'].numpy().tobytes()
    at, used = 0, dict.fromkeys(content['values'], 0)
    state: dict[str, Tensor] = {}
    mask: dict[str, Tensor] = {}
    for layer in content['layers']:
        if 'same' in layer:
            state[layer['name']] = state[layer['same']]
            continue
        shape, dtype = tuple(layer['shape']), layer['dtype']
        count, kept = math.prod(shape), None
        values = content['values'][dtype][used[dtype]:]
        if 'coding' in layer:
            kept = torch.from_numpy(decode(layer['coding'], data[at:at + layer['bytes']], count,
                                           len(values)))
            at += layer['bytes']
        stored = count if kept is None else int(kept.sum())
        if len(values) < stored:
            raise ValueError(f'{layer["name"]} has {len(values)} values of {stored}')
        values = values[:stored]
        used[dtype] += stored
        tensor = values.clone() if kept is None else values.new_zeros(count).masked_scatter_(
            kept, values)
        if dtype == 'int8' and 'of' in layer:
            there = rows(shape, None if kept is None else kept.numpy())
            scale = content['values'][SCALE][used[SCALE]:used[SCALE] + int(there.sum())]
            used[SCALE] += len(scale)
            tensor = from_int8(tensor.view(shape[0], -1), scale, there)
        elif 'of' in layer:
            tensor = tensor.float()
        state[layer['name']] = tensor.view(shape)
        if kept is not None:
            mask[layer['name']] = kept.view(shape)
    return state, {name: mask[name] for name in content['masked']}


def _digest(ticket: Ticket, version: int) -> str:
    parts = dict(model=as_plain_data(ticket.model), state_dict=dict(ticket.state_dict),
                 mask=dict(ticket.mask), meta=as_plain_data(ticket.meta))
    # Since version 2 the label cannot be changed.
    return digest(parts if version < 2 else dict(version=version, **parts))


def _check_format(path: str | Path, content: Any) -> None:
    fields: dict[str, type] = dict(_FIELDS)
    if isinstance(content, dict) and isinstance(content.get('version'), int):
        fields.update(_INDEX[content['version'] >= _PACKED])
    broken = [key for key, kind in fields.items()
              if not isinstance(content, dict) or not isinstance(content.get(key), kind)]
    if broken or content['format'] != FORMAT:
        raise TicketError(f'{path} is no sparse file ({(broken or ["format"])[0]}). Remedy: give '
                          'one that mmst export --format sparse has written.')
    if content['version'] > VERSION or content['version'] < 1:
        raise TicketError(f'{path} has version {content["version"]}. Remedy: update mmst to read '
                          'it.')
