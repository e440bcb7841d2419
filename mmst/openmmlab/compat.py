"""What OpenMMLab's packages need to work here. ``import mmst`` calls :func:`prepare_openmmlab`.

- mmseg, mmpose and mmdet import ``mmcv.ops``: a placeholder lets them where mmcv has no compiled
  ops (mmcv-lite).
- mmengine's checkpoints hold more than tensors: a short list of harmless names lets torch read
  them with ``weights_only=True``, and every local or downloaded checkpoint is read so.
- ``_base_ = 'mmst::name.py'`` finds the configs of this package, in a checkout and in a wheel.
"""
import codecs
import difflib
import functools
import importlib
import importlib.util
import os
import os.path as osp
import pickle
import re
import sys
import types
from collections import Counter
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any
from urllib.parse import urlparse

import numpy as np
import torch

from ..errors import ConfigError, TicketError
from ..inspection import Unsafe, inspect

if importlib.util.find_spec('mmcv') is None:
    raise ImportError('mmst needs mmcv. Remedy: pip install mmcv-lite (nothing to compile), or a '
                      'full mmcv for operations that need compiled code.')

from mmengine import dist
from mmengine.config import config as mmengine_config
from mmengine.config import utils as mmengine_config_utils
from mmengine.hub import hub as mmengine_hub
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from mmengine.utils import package_utils

PACKAGE_DIR = osp.dirname(osp.dirname(osp.abspath(__file__)))


def prepare_openmmlab() -> None:
    """Do all that this module describes. Calling it again changes nothing."""
    install_mmcv_ext_placeholder()
    register_safe_globals()
    CheckpointLoader.register_scheme('', load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), load_from_url, force=True)
    mmengine_checkpoint.load_from_local = load_from_local  # likewise
    mmengine_checkpoint.load_from_http = load_from_url  # what 'torchvision://' and others end in
    register_config_package()


# ----------------------------------------------------------------- mmcv without compiled ops


class MMCVExtPlaceholder(types.ModuleType):
    """Stands in for ``mmcv._ext``: every operation can be looked up, none can be called."""

    def __init__(self) -> None:
        super().__init__('mmcv._ext', 'Placeholder for the compiled operations of mmcv.')
        # A spec without a loader: importlib accepts it, and pkgutil.find_loader answers None, so
        # mmengine's mmcv_full_available() goes on telling the truth.
        self.__spec__ = ModuleSpec('mmcv._ext', loader=None)

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(name)
        # Asked by collect_env of mmcv, which is no use of an operation.
        if name in ('get_compiler_version', 'get_compiling_cuda_version'):
            return lambda: 'n/a'
        return functools.partial(_raise_missing_op, name)


def _raise_missing_op(name: str, *args, **kwargs) -> None:
    raise RuntimeError(
        f'mmcv.ops: {name!r} needs the compiled operations of mmcv, and this mmcv has none '
        '(mmcv-lite). Remedy: pip uninstall mmcv-lite, then install a full mmcv that is built for '
        'this torch.')


def install_mmcv_ext_placeholder() -> None:
    """Let ``import mmcv.ops`` succeed under mmcv-lite; with a full mmcv do nothing."""
    if importlib.util.find_spec('mmcv._ext') is not None:
        return
    placeholder = MMCVExtPlaceholder()
    sys.modules[placeholder.__name__] = placeholder
    sys.modules['mmcv']._ext = placeholder


# ------------------------------------------------------------- checkpoints without code in them

_HISTORY_STATISTICS = {
    name: getattr(HistoryBuffer, name)
    for name in ('min', 'max', 'current', 'mean')
}


def _history_statistic(owner: Any, name: str) -> Callable:
    """Stand-in for ``getattr`` in checkpoints: it knows HistoryBuffer's four statistics only.

    Python pickles a method as ``getattr(class, name)``. The real ``getattr`` would open a way from
    any harmless object to any code.
    """
    if owner is HistoryBuffer and name in _HISTORY_STATISTICS:
        return _HISTORY_STATISTICS[name]
    raise pickle.UnpicklingError(f'Unsupported global: GLOBAL getattr of {name!r}')


def _named(function: Callable, module: str, name: str) -> Callable:
    """A wrapper that goes by another name: torch compares names only."""

    def call(*args):
        return function(*args)

    call.__module__, call.__name__, call.__qualname__ = module, name, name
    return call


@functools.cache
def safe_globals() -> tuple[Callable, ...]:
    """All that a checkpoint of mmengine names besides what torch allows by itself."""
    try:
        from numpy._core import multiarray
    except ImportError:
        from numpy.core import multiarray
    # Names as numpy 1 and as numpy 2 write them, whichever of the two reads.
    numpy_functions = [
        _named(getattr(multiarray, name), module, name)
        for name in ('_reconstruct', 'scalar')
        for module in ('numpy.core.multiarray', 'numpy._core.multiarray')
    ]
    # Not 'O': an array of objects is more than data.
    dtypes = {type(np.dtype(code)) for code in np.typecodes['All'] if code != 'O'}
    # torch.save writes Python 2's name; older versions of torch do not translate it.
    getattrs = [_named(_history_statistic, module, 'getattr')
                for module in ('builtins', '__builtin__')]
    # Bytes, and the milestones of schedulers: newer versions of torch allow them by themselves.
    plain = [codecs.encode, Counter]
    return (HistoryBuffer, np.ndarray, np.dtype, *dtypes, *numpy_functions, *getattrs, *plain)


def register_safe_globals() -> None:
    """Let ``torch.load(weights_only=True)`` read mmengine's checkpoints (torch >= 2.4)."""
    if hasattr(torch.serialization, 'add_safe_globals'):
        torch.serialization.add_safe_globals(list(safe_globals()))


@functools.cache
def restricted_pickle() -> types.ModuleType:
    """A pickle module that resolves only what torch and :func:`safe_globals` allow.

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

    module = types.ModuleType('restricted_pickle')
    module.Unpickler = Unpickler
    module.load = lambda file, **kwargs: Unpickler(file, **kwargs).load()
    return module


def safe_load(filename: str, map_location: Any = None) -> Any:
    """Read a file of ``torch.save`` without running any code that it may hold.

    It takes no more memory than a small multiple of the file's size, see :mod:`mmst.inspection`.

    Raises:
        TicketError: The file is no checkpoint, is truncated or damaged, holds more than data, or
            claims more than it holds.
    """
    safely = dict(weights_only=True)
    if not hasattr(torch.serialization, 'add_safe_globals'):
        safely = dict(pickle_module=restricted_pickle())
    with open(filename, 'rb') as file:
        try:
            inspect(file)
            return torch.load(file, map_location=map_location, **safely)
        except Exception as error:  # A damaged file can raise almost anything.
            problem = _describe_unreadable(error)
            if problem is None:
                raise
            raise TicketError(f'{filename}: {problem}') from error


def _describe_unreadable(error: Exception) -> str | None:
    """One line about why a checkpoint was not read; None where the file is not to blame."""
    if isinstance(error, Unsafe):
        return (f'is refused: {error}. Remedy: copy it anew, or pass a file that this project or '
                'mmengine has written.')
    refused = re.search(r'GLOBAL ([\w.]+)', str(error))
    if refused:
        return (f'refers to {refused.group(1)}, which is code rather than data, and was refused. '
                'Remedy: use a checkpoint of mmengine or a ticket; of a file that you trust, save '
                'its state_dict anew.')
    # A device that is not there, or that is full.
    if isinstance(error, MemoryError) or re.search('deserialize object on|CUDA|out of memory',
                                                   str(error)):
        return None
    return (
        'is truncated, damaged or no checkpoint. Remedy: copy it anew, or pass a file that this '
        'project or mmengine has written.')


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """mmengine's loader for local checkpoints, with torch's check always on."""
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'{filename} can not be found.')
    content = safe_load(filename, map_location)
    check_digests(filename, content)
    if isinstance(content, dict) and isinstance(content.get('meta'), dict):
        # Text that a resuming Runner would execute, to learn how many GPUs the file's run had.
        content['meta'].pop('config', None)
    from ..models.hrnas.coordinate_order import (
        convert,  # here: models need what this module prepares
    )
    return convert(content)


def check_digests(filename: str, content: Any) -> None:
    """Refuse a ticket or a checkpoint that is not as its run has written it."""
    from ..tickets.digest import find_changed_part
    from ..tickets.ticket import FORMAT, Ticket
    if not isinstance(content, dict):
        return
    if content.get('format') == FORMAT:
        Ticket.from_content(filename, content)
    changed = find_changed_part(content)
    if changed:
        raise TicketError(f'{filename} was changed after it was written: its {changed} is another. '
                          'Remedy: take another checkpoint of the run, or copy this one anew.')


def load_from_url(filename: str, map_location: Any = None) -> Any:
    """mmengine's loader for addresses, with torch's check: each machine downloads once."""
    folder = osp.join(torch.hub.get_dir(), 'checkpoints')
    path = osp.join(folder, osp.basename(urlparse(filename).path))
    if dist.get_local_rank() == 0 and not osp.isfile(path):
        os.makedirs(folder, exist_ok=True)
        hash_in_name = torch.hub.HASH_REGEX.search(osp.basename(path))
        torch.hub.download_url_to_file(filename, path, hash_in_name and hash_in_name.group(1),
                                       progress=sys.stderr.isatty())
    dist.barrier()
    return load_from_local(path, map_location)


# ------------------------------------------------------------------ configs of this package


def cfg(name: str) -> str:
    """Absolute path of a config of this package: ``_base_ = __import__('mmst').cfg('name.py')``.

    Unlike ``'mmst::name.py'`` it works before anything has imported mmst.
    """
    root = osp.join(PACKAGE_DIR, '.mim', 'configs')
    path = osp.join(root, name)
    if not osp.isfile(path):
        import glob
        names = [osp.relpath(p, root) for p in glob.glob(f'{root}/**/*.py', recursive=True)]
        near = difflib.get_close_matches(name, names) or sorted(names)[:3]
        raise ConfigError(f'config = {name!r}: mmst has none of that name. '
                          f'Remedy: use one of its own, for example {", ".join(near)}.')
    return path


def register_config_package() -> None:
    """Make ``_base_ = 'mmst::name.py'`` and ``mmengine.hub``'s functions for it work."""
    # The module's name, not the distribution's: mmengine then asks importlib where the package
    # is, which is right for editable installs too. Its look-up by distribution is not.
    mmengine_config_utils.MODULE2PACKAGE.setdefault('mmst', 'mmst')
    mmengine_config.Config._get_cfg_path = staticmethod(_get_cfg_path)
    mmengine_hub._get_package_and_cfg_path = _get_package_and_cfg_path
    mmengine_hub.get_config = _get_config  # what get_model calls
    if importlib.util.find_spec('pkg_resources') is None:
        # setuptools >= 82 no longer has it, and mmengine has no other way to find 'mmseg::'.
        for module in (mmengine_config, mmengine_hub, package_utils):
            module.is_installed = _is_installed
            module.get_installed_path = _get_installed_path


_mmengine_get_config = mmengine_hub.get_config
_mmengine_get_cfg_path = mmengine_config.Config._get_cfg_path
_mmengine_get_package_and_cfg_path = mmengine_config_utils._get_package_and_cfg_path


def _get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
    """Path and scope of a base config.

    This package's configs get no scope: mmengine would write ``_scope_='mmst'`` into each outer
    dict, and look for mmseg's ``EncoderDecoder`` in mmst. They name their scopes themselves
    (``default_scope``, ``type='mmst.X'``), and mean the same by name and by path.
    """
    package, separator, name = cfg_path.partition('::')
    if package == 'mmst' and separator:
        return cfg(name), None
    return _mmengine_get_cfg_path(cfg_path, filename)


def _get_package_and_cfg_path(cfg_path: str) -> tuple[str, str]:
    """mmengine wants a folder in ``package::folder/name.py``; this package's configs have none."""
    package, separator, name = cfg_path.partition('::')
    if package == 'mmst' and separator:
        return mmengine_config_utils.MODULE2PACKAGE[package], name
    return _mmengine_get_package_and_cfg_path(cfg_path)


def _get_config(cfg_path: str, pretrained: bool = False) -> Any:
    """A config for ``mmengine.hub.get_model``, which builds in the scope of the config's package.

    This package's models are those of the toolboxes: their ``default_scope`` is written down.
    """
    found = _mmengine_get_config(cfg_path, pretrained)
    if cfg_path.partition('::')[0] == 'mmst' and found.get('model') and found.get('default_scope'):
        found.model.setdefault('_scope_', found.default_scope)
    return found


def _find_package(package: str) -> ModuleSpec | None:
    """Spec of the module of an OpenMMLab distribution, e.g. mmseg for mmsegmentation."""
    modules = {dist: module for module, dist in mmengine_config_utils.MODULE2PACKAGE.items()}
    return importlib.util.find_spec(modules.get(package, package))


def _is_installed(package: str) -> bool:
    spec = _find_package(package)
    return spec is not None and spec.origin is not None


def _get_installed_path(package: str) -> str:
    spec = _find_package(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f'{package} is not installed. Remedy: pip install {package}')
    return osp.dirname(spec.origin)
