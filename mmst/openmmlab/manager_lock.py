"""Gives mmengine's lock on loggers and visualizers back where one of them could not be made.

``ManagerMixin`` takes the lock and gives it back at its end, which an error on the way leaves out.
The thread itself may go on, but any other one that logs waits for ever.
"""
import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .internals import lock_release

_METHODS = ('get_instance', 'get_current_instance')


def release_on_errors(manager: ModuleType) -> None:
    """Let the methods of ``mmengine.utils.manager`` that take the lock release it on errors, too.
    """
    for name in _METHODS:
        method = vars(manager.ManagerMixin)[name].__func__
        if not hasattr(method, '__wrapped__'):
            guarded = classmethod(_guard(method, lock_release(manager)))
            setattr(manager.ManagerMixin, name, guarded)


def _guard(method: Callable[..., Any], release: Callable[[], None]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except BaseException:
            release()
            raise

    return call
