"""Replaces ``mmcv.ops`` without compiled operations: toolboxes import them and rarely call one."""
import functools
import importlib.util
import sys
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec

from .internals import set_operations


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


def install_mmcv_ext_placeholder(mmcv: types.ModuleType) -> None:
    """Let ``import mmcv.ops`` succeed under mmcv-lite; with a full mmcv do nothing."""
    if importlib.util.find_spec('mmcv._ext') is not None:
        return
    placeholder = MMCVExtPlaceholder()
    sys.modules[placeholder.__name__] = placeholder
    set_operations(mmcv, placeholder)
