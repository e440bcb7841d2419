"""Writes files whole or not at all, and reads small ones."""
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.fileio import LocalBackend, register_backend

from .errors import TrainingError


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write under another name, then rename: ``path`` holds its old or its new content.

    A symbolic link stays: the file that it names is written. Only regular files are replaced.

    Raises:
        TrainingError: The disk is full or does not allow it, or ``path`` is a device, a pipe, a
            socket or a folder; it is as it was.
    """
    path = replaceable(path)
    beside = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def parse_json(text: str) -> Any:
    """Return the content of a JSON text.

    Raises:
        ValueError: It is damaged, or nested so deeply that Python's reader gives up.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError('it is nested too deeply') from None


def cannot_write(path: str | Path, error: OSError) -> TrainingError:
    """What a run says before it ends for want of room or permission."""
    return TrainingError(f'{path} cannot be written ({error.strerror}); nothing was lost. Remedy: '
                         'make room there, or let it be written, then start again (a training run '
                         'with --resume).')


def replaceable(path: str | Path) -> Path:
    """``path`` without symbolic links, once it is sure that nothing but a regular file lies there.

    To be called before work whose result would have no place.

    Raises:
        TrainingError: A device, a pipe, a socket or a folder lies there.
    """
    path = Path(os.path.realpath(path))
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except OSError:  # nothing is there, or writing will tell why it cannot be
        return path
    if kind != stat.S_IFREG:
        names = {stat.S_IFDIR: 'folder', stat.S_IFIFO: 'pipe', stat.S_IFSOCK: 'socket'}
        raise TrainingError(f'{path} is a {names.get(kind, "device")}, no file that could be '
                            'replaced. Remedy: give the path of a file.')
    return path


def remove_leftovers(folder: str | Path) -> None:
    """Remove files in ``folder`` that killed processes have left half written."""
    for path in Path(folder).glob('.*.tmp'):
        pid = path.name.split('.')[-2]
        if pid.isdigit() and not _alive(int(pid)):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's, or no signals on this system
        pass
    return True


class AtomicBackend(LocalBackend):
    """Is mmengine's local file backend with whole writes."""

    def put(self, obj, filepath) -> None:
        write_bytes(filepath, obj if isinstance(obj, bytes) else obj.getvalue())

    def put_text(self, obj: str, filepath, encoding: str = 'utf-8') -> None:
        write_bytes(filepath, obj.encode(encoding))


register_backend('mmst_atomic', AtomicBackend, force=True)
