"""Refuses acts that a file's settings could lead to: execute, unpickle, change files, connect."""
import builtins
import dis
import io
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

from ..errors import TicketError

#: Instructions of an expression that looks names up, as ``torch.float32`` does, and calls nothing.
_LOOKUPS = frozenset(('RESUME', 'NOP', 'CACHE', 'LOAD_NAME', 'LOAD_ATTR', 'LOAD_CONST',
                      'RETURN_VALUE', 'RETURN_CONST'))
#: Of arrays, which data sets pickle themselves; none of them runs code.
_PICKLED = frozenset(f'{module}.{name}' for modules, names in (
    (('numpy', ), ('ndarray', 'dtype')), (('collections', ), ('OrderedDict', )),
    (('numpy.core.multiarray', 'numpy._core.multiarray'), ('_reconstruct', 'scalar')),
    (('numpy.core.numeric', 'numpy._core.numeric'), ('_frombuffer', )))
    for module in modules for name in names)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ACTS = ((os, 'system'), (os, 'popen'), (subprocess.Popen, '__init__'), (socket, 'getaddrinfo'),
         (socket, 'create_connection'), (socket.socket, 'connect'))
#: Functions that change files. The arguments without names are their paths.
_CHANGES = ((os, ('remove', 'unlink', 'rename', 'replace', 'rmdir', 'mkdir', 'link', 'symlink',
                  'truncate', 'chmod', 'chown')), (shutil, ('rmtree', 'move', 'copyfile')))
#: Arguments by which a path is one of an open folder, and not of the current one.
_OF_FOLDERS = ('dir_fd', 'src_dir_fd', 'dst_dir_fd')


@contextmanager
def closed_doors(folder: str | Path | None = None) -> Iterator['Guard']:
    """Refuse such acts of this thread inside the block, but for those of modules on import.

    Classes of the toolboxes evaluate texts, read pickles, empty folders and fetch models that their
    settings name. Where the settings came with a file, they must not.

    Args:
        folder (str | Path, optional): Where files may be written.

    Raises:
        TicketError: From inside, at the act.
    """
    guard = Guard(folder)
    with ExitStack() as stack:

        def close(owner: Any, name: str, how: Callable[[Any, str], Any]) -> None:
            replaced = how(getattr(owner, name), f'{owner.__name__}.{name}')
            stack.enter_context(patch.object(owner, name, replaced))

        for owner, name in _ACTS:
            close(owner, name, guard.act)
        for owner, names in _CHANGES:
            for name in names:
                close(owner, name, guard.change)
        for owner in (builtins, io):
            close(owner, 'open', guard.opening)
        close(os, 'open', guard.descriptor)
        for name in ('eval', 'exec'):
            close(builtins, name, guard.evaluation)
        close(pickle, 'Unpickler', guard.unpickler)
        close(pickle, 'load', lambda *_: lambda file, **how: pickle.Unpickler(file, **how).load())
        close(pickle, 'loads', lambda *_: lambda data, **how: pickle.Unpickler(
            io.BytesIO(data), **how).load())
        try:
            yield guard
        finally:
            guard.paused = True  # a module that was imported inside may have kept a function


class Guard:
    """Makes functions that refuse what the originals do, and knows when they may.

    Attributes:
        paused (bool): Whether acts are allowed for a while, as what leads to them was checked; at
            the end of the block for good.
    """

    def __init__(self, folder: str | Path | None):
        self.folder = None if folder is None else Path(folder).resolve()
        self.thread = threading.get_ident()
        self.imports = _imports(sys._getframe())
        self.paused = False

    def act(self, original: Any, name: str) -> Any:

        def refusing(*args: Any, **kwargs: Any) -> Any:
            self.refuse(name)
            return original(*args, **kwargs)

        return refusing

    def change(self, original: Any, name: str) -> Any:

        def refusing(*args: Any, **kwargs: Any) -> Any:
            paths = [arg for arg in args if isinstance(arg, (str, bytes, os.PathLike))]
            relative = any(kwargs.get(key) is not None for key in _OF_FOLDERS)
            if not paths or relative or not all(map(self.ours, paths)):
                self.refuse(name)
            before, self.paused = self.paused, True  # a tree goes by many acts
            try:
                return original(*args, **kwargs)
            finally:
                self.paused = before

        return refusing

    def opening(self, original: Any, name: str) -> Any:

        def refusing(file: Any, mode: Any = 'r', *args: Any, **kwargs: Any) -> Any:
            if set(str(mode)) & set('wax+') and not isinstance(file, int) and not self.ours(file):
                self.refuse('writing a file')
            return original(file, mode, *args, **kwargs)

        return refusing

    def descriptor(self, original: Any, name: str) -> Any:

        def refusing(path: Any, flags: int, *args: Any, **kwargs: Any) -> Any:
            if flags & _WRITING and (kwargs.get('dir_fd') is not None or not self.ours(path)):
                self.refuse('writing a file')
            return original(path, flags, *args, **kwargs)

        return refusing

    def evaluation(self, original: Any, name: str) -> Any:

        def refusing(source: Any, globals: Any = None, locals: Any = None, /, **how: Any) -> Any:
            caller = sys._getframe(1)
            if isinstance(source, (str, bytes)) and not _trusted(caller) and _calls(source):
                self.refuse(name)
            space, names = how.pop('globals', globals), how.pop('locals', locals)
            if space is None:
                space, names = caller.f_globals, names or caller.f_locals
            return original(source, space, space if names is None else names, **how)

        return refusing

    def unpickler(self, original: Any, name: str) -> Any:
        guard = self

        class Refusing(original):  # type: ignore[misc]
            """Finds no classes but those of arrays."""

            def find_class(self, module: str, name: str) -> Any:
                if f'{module}.{name}' not in _PICKLED:
                    guard.refuse(f'unpickling {module}.{name}')
                return super().find_class(module, name)

        return Refusing

    def ours(self, path: Any) -> bool:
        """Return whether a file may be changed."""
        place = Path(os.fsdecode(path)).resolve()
        return place == Path(os.devnull) or (self.folder is not None
                                             and place.is_relative_to(self.folder))

    def watches(self) -> bool:
        """Return whether this thread's acts are to be refused now."""
        return not self.paused and threading.get_ident() == self.thread

    def refuse(self, what: str) -> None:
        """Refuse an act of this thread, unless a module that is imported does it."""
        if self.watches() and _imports(sys._getframe()) <= self.imports:
            raise TicketError(f'its settings lead to {what}, and a file may not ask for that')


def _imports(frame: FrameType | None) -> int:
    """Return how many imports are under way."""
    count = 0
    while frame is not None:
        count += frame.f_code.co_filename == '<frozen importlib._bootstrap>'
        frame = frame.f_back
    return count


def _trusted(caller: FrameType) -> bool:
    """Return whether code is of libraries that evaluate texts of their own, as named tuples do."""
    root = str(caller.f_globals.get('__name__')).partition('.')[0]
    return root in sys.stdlib_module_names or root in ('torch', 'numpy')


def _calls(source: str | bytes) -> bool:
    """Return whether a text does more than look a name up."""
    try:
        code = compile(source, '<text>', 'eval')
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return any(part.opname not in _LOOKUPS for part in dis.get_instructions(code))
