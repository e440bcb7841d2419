"""Reads mmengine's checkpoints without running any code that they may hold.

Checkpoints hold more than tensors: a short list of harmless names lets torch read them with
``weights_only=True``, and every local or downloaded checkpoint is read so.
"""
import functools
import os
import os.path as osp
import pickle
import re
import sys
import types
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine import dist

from ..errors import ConfigError, TicketError
from ..inspection import Unsafe, inspect, stored_size
from ..inspection.safe_globals import safe_globals
from ..registry import CHECKPOINT_READERS
from . import safetensors_file


def read_checkpoints_safely(checkpoint: types.ModuleType) -> None:
    """Let mmengine read all checkpoints as this module does.

    Args:
        checkpoint (ModuleType): ``mmengine.runner.checkpoint``.
    """
    register = checkpoint.CheckpointLoader.register_scheme
    register('', load_from_local, force=True)
    register(('http://', 'https://'), load_from_url, force=True)
    checkpoint.load_from_local = load_from_local  # type: ignore[attr-defined]  # likewise
    # 'torchvision://' and others end in it.
    checkpoint.load_from_http = load_from_url  # type: ignore[attr-defined]


@functools.cache
def restricted_pickle() -> Any:
    """Return a pickle module that resolves only names that torch and :func:`safe_globals` allow.

    For torch before 2.4, whose own check cannot be extended.
    """
    from torch._weights_only_unpickler import _get_allowed_globals
    allowed: dict[str, Any] = dict(_get_allowed_globals())
    allowed.update((f'{item.__module__}.{item.__qualname__}', item) for item in safe_globals())

    class Unpickler(pickle.Unpickler):

        def find_class(self, module: str, name: str) -> Any:
            full_name = f'{module}.{name}'.replace('__builtin__.', 'builtins.')
            if full_name not in allowed:
                raise pickle.UnpicklingError(f'Unsupported global: GLOBAL {full_name}')
            return allowed[full_name]

    module: Any = types.ModuleType('restricted_pickle')
    module.Unpickler = Unpickler
    module.load = lambda file, **kwargs: Unpickler(file, **kwargs).load()
    return module


def safe_load(filename: str, map_location: Any = None) -> Any:
    """Read a file of ``torch.save``, or a ticket of safetensors, without running any code in it.

    It takes no more memory than a small multiple of the file's size, see :mod:`mmst.inspection`.

    Raises:
        TicketError: The file is no checkpoint, is truncated or damaged, holds more than data, or
            claims more than it holds.
    """
    safely: dict[str, Any] = dict(weights_only=True)
    if not hasattr(torch.serialization, 'add_safe_globals'):
        safely = dict(pickle_module=restricted_pickle())
    with open(filename, 'rb') as file:
        try:
            if safetensors_file.is_safetensors(file.read(9)):
                file.seek(0)
                stored_size(file)
                return _move(safetensors_file.from_bytes(file.read()), map_location)
            inspect(file)
            return torch.load(file, map_location=map_location, **safely)
        except Exception as error:  # A damaged file can raise almost anything.
            problem = _describe_unreadable(error)
            if problem is None:
                raise
            raise TicketError(f'{filename}: {problem}') from error


def _move(content: dict[str, Any], place: Any) -> dict[str, Any]:
    """Put a ticket's weights where ``map_location`` says; functions and tables of places are
    torch's own and say nothing of a file that has none.
    """
    if not isinstance(place, (str, torch.device)):
        return content
    return {key: {name: tensor.to(place) for name, tensor in value.items()}
            if key in ('state_dict', 'mask') else value for key, value in content.items()}


def _describe_unreadable(error: Exception) -> str | None:
    """Return one line on why a checkpoint was not read; None where the file is not to blame."""
    if isinstance(error, ConfigError):  # a package is missing
        return None
    if isinstance(error, Unsafe):
        return (f'is refused: {error}. Remedy: copy it again, or pass a file that this project or '
                'mmengine has written.')
    refused = re.search(r'GLOBAL ([\w.]+)', str(error))
    if refused:
        return (f'refers to {refused.group(1)}, which is code rather than data, and was refused. '
                'Remedy: use a checkpoint of mmengine or a ticket; of a file that you trust, save '
                'its state_dict again.')
    # A device that is not there, or that is full.
    if isinstance(error, MemoryError) or re.search('deserialize object on|CUDA|out of memory',
                                                   str(error)):
        return None
    return (
        'is truncated, damaged or no checkpoint. Remedy: copy it again, or pass a file that this '
        'project or mmengine has written.')


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Return mmengine's loader for local checkpoints, with torch's check always on."""
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'{filename} can not be found.')
    content = safe_load(filename, map_location)
    CHECKPOINT_READERS.import_from_location()
    for read in CHECKPOINT_READERS.module_dict.values():
        content = read(filename, content)
    if isinstance(content, dict) and isinstance(content.get('meta'), dict):
        # Text that a resuming Runner would execute, to learn how many GPUs the file's run had.
        content['meta'].pop('config', None)
    return content


def load_from_url(filename: str, map_location: Any = None) -> Any:
    """Return mmengine's loader for addresses, with torch's check: each machine downloads once."""
    folder = osp.join(torch.hub.get_dir(), 'checkpoints')
    path = osp.join(folder, osp.basename(urlparse(filename).path))
    if dist.get_local_rank() == 0 and not osp.isfile(path):
        os.makedirs(folder, exist_ok=True)
        hash_in_name = torch.hub.HASH_REGEX.search(osp.basename(path))
        prefix = hash_in_name.group(1) if hash_in_name else None
        torch.hub.download_url_to_file(filename, path, prefix,
                                       progress=sys.stderr.isatty())
    dist.barrier()
    return load_from_local(path, map_location)
