"""One number for all that a ticket says."""
import hashlib
from typing import Any, Mapping

import torch
from torch import Tensor


def digest(value: Any) -> str:
    """SHA-256 over plain data and tensors: names, their order, types, shapes and bits.

    Not a signature: it tells damage and mixed-up files, not a forger.
    """
    found = hashlib.sha256()
    _add(found, value)
    return found.hexdigest()


def _add(found, value: Any) -> None:
    if isinstance(value, Tensor):
        found.update(f'{value.dtype}{tuple(value.shape)}'.encode())
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
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
    else:
        found.update(f'{type(value).__name__}:{value!r};'.encode(errors='surrogatepass'))
