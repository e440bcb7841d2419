"""Computes digests of the whole content of a ticket or a checkpoint."""
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

#: Key of a checkpoint's digests.
DIGESTS = 'mmst_digests'
#: Parts that mmengine goes on from; ours begin with ``mmst_``.
_READ = ('meta', 'state_dict', 'ema_state_dict', 'message_hub', 'optimizer', 'param_schedulers')


def digest(value: Any) -> str:
    """Return SHA-256 over data and tensors: names, their order, types, shapes and bits.

    Of other objects than mmengine's histories only the type counts. Not a signature: it tells
    damage and mixed-up files, not a forger.
    """
    found = hashlib.sha256()
    _add(found, value)
    return found.hexdigest()


def part_digests(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each part of a checkpoint."""
    return {key: digest(value) for key, value in content.items() if key != DIGESTS}


def find_changed_part(content: Mapping[str, Any]) -> str | None:
    """Return the first part of a checkpoint that is not as it was written, or None.

    Checkpoints without digests (of other writers) count as they are, and so do entries that others
    added, unless a run would go on from it.
    """
    if DIGESTS not in content:
        return None
    recorded = content[DIGESTS]
    if not isinstance(recorded, Mapping):
        return DIGESTS
    added = [key for key in content if key not in recorded and _is_read(key)]
    return next((str(key) for key in [*recorded, *added]
                 if key not in content or not _has_digest(content[key], recorded.get(key))), None)


def _is_read(key: Any) -> bool:
    return key in _READ or (str(key).startswith('mmst_') and key != DIGESTS)


def _has_digest(value: Any, recorded: Any) -> bool:
    try:
        return bool(digest(value) == recorded)
    except Exception:  # e.g. a tensor without data: not as it was written
        return False


def _add(found: Any, value: Any) -> None:
    if isinstance(value, Tensor) and value.layout == torch.sparse_coo:
        # Not made dense: a few bytes may claim to be gigabytes.
        found.update(f'sparse{tuple(value.shape)}'.encode())
        _add(found, [value.detach()._indices(), value.detach()._values()])
    elif isinstance(value, Tensor):
        found.update(f'{value.dtype}{tuple(value.shape)}'.encode())
        dense = value.detach().cpu().to_dense().contiguous()
        found.update(dense.reshape(-1).view(torch.uint8).numpy())
    elif isinstance(value, Mapping):
        found.update(b'{')
        for key, item in value.items():
            _add(found, key)
            _add(found, item)
        found.update(b'}')
    elif isinstance(value, (list, tuple)):
        found.update(b'[')
        for item in value:
            _add(found, item)
        found.update(b']')
    elif isinstance(value, HistoryBuffer):
        _add(found, [torch.from_numpy(np.ascontiguousarray(array)) for array in value.data])
    elif isinstance(value, (np.ndarray, np.generic)):  # their text depends on numpy's version
        found.update(f'{value.dtype.str}{value.shape};'.encode() + value.tobytes())
    elif value is None or isinstance(value, (bool, int, float, str, bytes)):
        found.update(f'{type(value).__name__}:{value!r};'.encode(errors='surrogatepass'))
    else:
        found.update(f'{type(value).__name__};'.encode())
