"""Writes files whole or not at all, and reads small ones."""
import errno
import json
import math
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.fileio import LocalBackend, register_backend

from .errors import TrainingError

#: Bytes of a text file that is read as a whole; timelines of long runs have some megabytes.
SMALL = 1 << 26
#: Content of JSON may take so many times the bytes of its text; short texts have some room more.
_CONTENT, _ROOM = 8, 1 << 24
#: Bytes that Python takes for a list, a dictionary, half a text, a place in a container and a line,
#: by the sign that shows it. A number takes no more than nine times its digits.
_TAKES = {'[': 100, '{': 200, '"': 24, ',': 16, '\n': 64}


def write_bytes(path: str | Path, data: bytes, own: bool = False) -> None:
    """Write under another name, then rename: ``path`` holds its old or its new content.

    A symbolic link stays: the file that it names is written. Only regular files are replaced.

    Args:
        path (str | Path): Of the file.
        data (bytes): Its content.
        own (bool): Whether a run itself has named the file: a link in its place, which came with
            the folder, is then replaced. Defaults to False.

    Raises:
        TrainingError: The disk is full or does not allow it, or ``path`` is a device, a pipe, a
            socket or a folder; it is as it was.
    """
    write_together({Path(path): data}, own)


def write_together(contents: Mapping[Path, bytes], own: bool = False) -> None:
    """Write files that belong together: all of them, or none, nor folders for them.

    Args:
        contents (Mapping): Path to content; the first is named where none can be written.
        own (bool): As in :func:`write_bytes`.

    Raises:
        TrainingError: As :func:`write_bytes`.
    """
    written: dict[Path, Path] = {}
    made: list[Path] = []
    path = Path()
    try:
        for name, data in contents.items():
            path = name if own and os.path.islink(name) else replaceable(name)
            written[path] = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
            made += (folder for folder in (path.parent, *path.parent.parents)
                     if not folder.exists())
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(written[path], data)
        for path, temporary in written.items():
            os.replace(temporary, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        for temporary in written.values():
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        # The deepest first; one that has got a file stays.
        for folder in sorted(made, key=lambda found: -len(found.parts)):
            with suppress(OSError):
                folder.rmdir()


def _write(path: Path, data: bytes) -> None:
    with open(path, 'wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_text(path: str | Path, limit: int = SMALL) -> str:
    """Return the text of a small regular file.

    Raises:
        OSError: It cannot be read, or is a pipe or a device, which may never end.
        ValueError: It is no text in UTF-8, or has more than ``limit`` bytes.
    """
    # Without waiting: to open a pipe is to wait for somebody who writes into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0))
    with open(descriptor, 'rb') as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, 'no regular file', str(path))
        if status.st_size > limit:
            raise ValueError(f'it has {status.st_size:,} bytes, more than {limit:,}')
        return file.read(limit).decode('utf-8')


def may_never_end(path: str) -> bool:
    """Return whether a pipe, a socket or a device lies there; to read it may be to wait for good.
    """
    with suppress(OSError, ValueError):  # Nothing is there, or it is no path.
        kind = os.stat(path).st_mode
        return path != os.devnull and not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))
    return False


def open_own(path: str | Path, flags: int) -> int:
    """Open a file that a run itself keeps, to be written in place; returns its descriptor.

    Raises:
        OSError: It cannot be opened, or something else would be written: it is a link, a file of
            several names, or no regular file.
    """
    quiet = getattr(os, 'O_NOFOLLOW', 0) | getattr(os, 'O_NONBLOCK', 0)
    descriptor = os.open(path, flags | quiet, 0o644)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EINVAL, 'it is no file of the run alone', str(path))
    return descriptor


def check_json(text: str) -> None:
    """Refuse a JSON text, or lines of them, whose content would take far more memory than it does.

    Raises:
        ValueError: It would.
    """
    if sum(bytes_ * text.count(sign) for sign, bytes_ in _TAKES.items()) > (
            _CONTENT * len(text) + _ROOM):
        raise ValueError('its content would take far more memory than its file')


def parse_json(text: str) -> Any:
    """Return the content of a JSON text.

    Raises:
        ValueError: It is damaged, nested so deeply that Python's reader gives up, or its content
            would take far more memory than the text.
    """
    check_json(text)
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError('it is nested too deeply') from None


def to_json(content: Any) -> str:
    """Return content as JSON that every reader takes: numbers that are not finite become null, and
    what JSON has no form for becomes its text.
    """
    return json.dumps(_without_infinite(content), indent=2, default=str, allow_nan=False)


def _without_infinite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _without_infinite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_without_infinite(value) for value in content]
    return content


def read_json_lines(path: str | Path) -> list[str]:
    """Return the lines of a small file, each a JSON text for :func:`parse_json`, with their ends.

    Raises:
        OSError, ValueError: As :func:`read_text` and :func:`check_json`.
    """
    text = read_text(path)
    check_json(text)
    return text.splitlines(keepends=True)


def cannot_write(path: str | Path, error: OSError) -> TrainingError:
    """Return the message of a run that ends for want of room or permission."""
    return TrainingError(f'{path} cannot be written ({error.strerror}); nothing was lost. Remedy: '
                         'make room there, or let it be written, then start again (a training run '
                         'with --resume).')


def replaceable(path: str | Path) -> Path:
    """Return ``path`` without symbolic links, if nothing but a regular file lies there.

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
        write_bytes(filepath, obj if isinstance(obj, bytes) else obj.getvalue(), own=True)

    def put_text(self, obj: str, filepath, encoding: str = 'utf-8') -> None:
        write_bytes(filepath, obj.encode(encoding), own=True)


register_backend('mmst_atomic', AtomicBackend, force=True)
