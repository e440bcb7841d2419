"""Keeps generated data as they are while a run reads them: it holds a lock, a generator looks."""
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from .optional import if_there

fcntl = if_there('fcntl')  # locks

#: File in a generated data set that tells how it was made.
MARKER = 'dataset.json'


@contextmanager
def holding(cfg: Mapping[str, Any]) -> Iterator[None]:
    """Hold all generated data sets that a config names; others are nobody's to replace.

    The locks end with the process and its workers, however these end. Where a file system has no
    locks, nothing is held.
    """
    with ExitStack() as stack:
        for marker in sorted({path for root in data_roots(cfg) if (path := find_marker(root))}):
            with suppress(OSError):
                descriptor = os.open(marker, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                if fcntl is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


def is_held(folder: Path) -> bool:
    """Return whether a run reads the generated data set of a folder now."""
    if fcntl is None:
        return False
    try:
        with open(folder / MARKER, 'rb') as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or there are no locks
        pass
    return False


def find_marker(root: str) -> Path | None:
    """Return the marker of the generated data set that a ``data_root`` belongs to."""
    # ADE20K's lie in a folder below.
    found = (folder / MARKER for folder in (Path(root), Path(root).absolute().parent))
    return next((path.resolve() for path in found if path.is_file()), None)


def data_roots(cfg: Any) -> list[str]:
    """Return every ``data_root`` in a config."""
    if isinstance(cfg, Mapping):
        own = [cfg['data_root']] if isinstance(cfg.get('data_root'), str) else []
        return own + [root for value in cfg.values() for root in data_roots(value)]
    if isinstance(cfg, (list, tuple)):
        return [root for value in cfg for root in data_roots(value)]
    return []
