"""What OpenMMLab's packages need to work here. ``import mmst`` calls :func:`prepare_openmmlab`.

- mmseg, mmpose and mmdet import ``mmcv.ops``: a placeholder lets them where mmcv has no compiled
  ops (mmcv-lite).
- Checkpoints are read without running code, see :mod:`mmst.openmmlab.safe_checkpoints`.
- ``_base_ = 'mmst::name.py'`` finds the configs of this package, in a checkout and in a wheel.
"""
import difflib
import functools
import importlib
import importlib.util
import os.path as osp
import sys
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

from ..errors import ConfigError

if importlib.util.find_spec('mmcv') is None:
    raise ImportError('mmst needs mmcv. Remedy: pip install mmcv-lite (nothing to compile), or a '
                      'full mmcv for operations that need compiled code.')

from mmengine.config import config as mmengine_config
from mmengine.config import utils as mmengine_config_utils
from mmengine.hub import hub as mmengine_hub
from mmengine.utils import package_utils

from .safe_checkpoints import load_from_local, read_checkpoints_safely, safe_load

__all__ = ['cfg', 'load_from_local', 'prepare_openmmlab', 'safe_load']

PACKAGE_DIR = osp.dirname(osp.dirname(osp.abspath(__file__)))


def prepare_openmmlab() -> None:
    """Do all that this module describes. Calling it again changes nothing."""
    install_mmcv_ext_placeholder()
    read_checkpoints_safely()
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
