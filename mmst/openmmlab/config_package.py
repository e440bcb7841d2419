"""Finds this package's configs by name, in a checkout and in a wheel: ``_base_ = 'mmst::X.py'``."""
import difflib
import functools
import glob
import importlib
import importlib.util
import os.path as osp
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..errors import ConfigError
from .internals import wrap_base_paths, wrap_hub_paths

PACKAGE_DIR = osp.dirname(osp.dirname(osp.abspath(__file__)))
CONFIG_UTILS = 'mmengine.config.utils'


def cfg(name: str) -> str:
    """Return the path of this package's config: ``_base_ = __import__('mmst').cfg('name.py')``.

    Unlike ``'mmst::name.py'`` it works before anything has imported mmst.
    """
    root = osp.join(PACKAGE_DIR, '.mim', 'configs')
    path = osp.join(root, name)
    if not osp.isfile(path):
        names = [osp.relpath(p, root) for p in glob.glob(f'{root}/**/*.py', recursive=True)]
        near = difflib.get_close_matches(name, names) or sorted(names)[:3]
        raise ConfigError(f'config = {name!r}: mmst has none of that name. '
                          f'Remedy: use one of its own, for example {", ".join(near)}.')
    return path


def add_config_package(config: ModuleType) -> None:
    """Make ``_base_ = 'mmst::name.py'`` work.

    Args:
        config (ModuleType): ``mmengine.config.config``.
    """
    utils = importlib.import_module(CONFIG_UTILS)
    # The module's name, not the distribution's: mmengine then asks importlib where the package
    # is, which is right for editable installs too. Its look-up by distribution is not.
    utils.MODULE2PACKAGE.setdefault('mmst', 'mmst')
    wrap_base_paths(config, _get_cfg_path)
    find_without_pkg_resources(config, importlib.import_module('mmengine.utils.package_utils'))


def add_to_hub(package: ModuleType) -> None:
    """Make ``mmengine.hub``'s functions work for ``'mmst::name.py'``.

    Args:
        package (ModuleType): ``mmengine.hub``.
    """
    hub, utils = package.hub, importlib.import_module(CONFIG_UTILS)
    if not is_ours(hub.get_config):
        wrap_hub_paths(hub, utils, _get_package_and_cfg_path)
        hub.get_config = functools.partial(_get_config, hub.get_config)  # get_model calls it
    find_without_pkg_resources(hub)


def is_ours(function: Any) -> bool:
    """Return whether a function of mmengine has been replaced by one of this file."""
    return isinstance(function, functools.partial)


def find_without_pkg_resources(*modules: ModuleType) -> None:
    """Let modules of mmengine find packages where setuptools (>= 82) has no ``pkg_resources``.

    mmengine has no other way to find ``'mmseg::'``.
    """
    if importlib.util.find_spec('pkg_resources') is None:
        for module in modules:
            module.is_installed = _is_installed  # type: ignore[attr-defined]
            module.get_installed_path = _get_installed_path  # type: ignore[attr-defined]


def _get_cfg_path(theirs: Callable, cfg_path: str, filename: str) -> tuple[str, str | None]:
    """Return path and scope of a base config.

    This package's configs get no scope: mmengine would write ``_scope_='mmst'`` into each outer
    dict, and look for mmseg's ``EncoderDecoder`` in mmst. They name their scopes themselves
    (``default_scope``, ``type='mmst.X'``), and mean the same by name and by path.
    """
    package, separator, name = cfg_path.partition('::')
    if package == 'mmst' and separator:
        return cfg(name), None
    return theirs(cfg_path, filename)


def _get_package_and_cfg_path(theirs: Callable, cfg_path: str) -> tuple[str, str]:
    """Return package and path; mmengine wants a folder in them, and our configs have none."""
    package, separator, name = cfg_path.partition('::')
    if package == 'mmst' and separator:
        return package, name
    return theirs(cfg_path)


def _get_config(theirs: Callable, cfg_path: str, pretrained: bool = False) -> Any:
    """Return a config for ``mmengine.hub.get_model``, which builds in the config's scope.

    This package's models are those of the toolboxes: their ``default_scope`` is written down.
    """
    found = theirs(cfg_path, pretrained)
    if cfg_path.partition('::')[0] == 'mmst' and found.get('model') and found.get('default_scope'):
        found.model.setdefault('_scope_', found.default_scope)
    return found


def _find_package(package: str) -> ModuleSpec | None:
    """Return the spec of the module of an OpenMMLab distribution, e.g. mmseg for mmsegmentation."""
    packages = importlib.import_module(CONFIG_UTILS).MODULE2PACKAGE
    modules = {dist: module for module, dist in packages.items()}
    return importlib.util.find_spec(modules.get(package, package))


def _is_installed(package: str) -> bool:
    spec = _find_package(package)
    return spec is not None and spec.origin is not None


def _get_installed_path(package: str) -> str:
    spec = _find_package(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f'{package} is not installed. Remedy: pip install {package}')
    return osp.dirname(spec.origin)
