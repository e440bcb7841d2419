"""Names the classes in mmengine's checkpoints that torch does not allow by itself."""
import codecs
import functools
import importlib
import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

_HISTORY_STATISTICS = {
    name: getattr(HistoryBuffer, name)
    for name in ('min', 'max', 'current', 'mean')
}


def _history_statistic(owner: Any, name: str) -> Callable:
    """Stand in for ``getattr`` in checkpoints: only HistoryBuffer's four statistics are known.

    Python pickles a method as ``getattr(class, name)``. The real ``getattr`` would open a way from
    any harmless object to any code.
    """
    if owner is HistoryBuffer and name in _HISTORY_STATISTICS:
        return _HISTORY_STATISTICS[name]
    raise pickle.UnpicklingError(f'Unsupported global: GLOBAL getattr of {name!r}')


def _rename(function: Callable, module: str, name: str) -> Callable:
    """Return a wrapper that goes by another name: torch compares names only."""

    def call(*args):
        return function(*args)

    call.__module__, call.__name__, call.__qualname__ = module, name, name
    return call


@functools.cache
def safe_globals() -> tuple[Callable, ...]:
    """Return functions and classes that are harmless with any arguments."""
    core = 'numpy._core' if hasattr(np, '_core') else 'numpy.core'
    multiarray = importlib.import_module(f'{core}.multiarray')
    # Names as numpy 1 and as numpy 2 write them, whichever of the two reads.
    numpy_functions = [
        _rename(getattr(multiarray, name), module, name)
        for name in ('_reconstruct', 'scalar')
        for module in ('numpy.core.multiarray', 'numpy._core.multiarray')
    ]
    # Not 'O': an array of objects is more than data.
    dtypes = {type(np.dtype(code)) for code in np.typecodes['All'] if code != 'O'}
    # torch.save writes Python 2's name; older versions of torch do not translate it.
    getattrs = [_rename(_history_statistic, module, 'getattr')
                for module in ('builtins', '__builtin__')]
    # Bytes, and the milestones of schedulers: newer versions of torch allow them by themselves.
    plain = [codecs.encode, Counter]
    return (HistoryBuffer, np.ndarray, np.dtype, *dtypes, *numpy_functions, *getattrs, *plain)


def register_safe_globals() -> None:
    """Let ``torch.load(weights_only=True)`` read mmengine's checkpoints (torch >= 2.4)."""
    if hasattr(torch.serialization, 'add_safe_globals'):
        torch.serialization.add_safe_globals(list(safe_globals()))
