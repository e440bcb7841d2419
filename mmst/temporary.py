"""Gives a folder for everything temporary, which vanishes even after a process was killed."""
import glob
import os
import os.path as osp
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .optional import if_there

fcntl = if_there('fcntl')  # locks

#: Seconds after which a folder that no process holds is taken for one of a process that was killed.
OLD = 600


@contextmanager
def temporary_folder(prefix: str) -> Iterator[str]:
    """Give a folder in which Python's ``tempfile`` works, too; all of it goes at the end.

    Folders of that name that killed processes have left behind go as well. A process holds its
    folder by a lock, so that those of processes in other containers are known to be in use.

    Args:
        prefix (str): Of the folder's name; nothing else may begin so.
    """
    for name in glob.glob(osp.join(tempfile.gettempdir(), f'{glob.escape(prefix)}*')):
        with suppress(OSError):
            if time.time() - os.lstat(name).st_mtime > OLD and (free := _lock(name)) is not None:
                shutil.rmtree(name)
                os.close(free)
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        held, usual = _lock(folder), tempfile.tempdir
        tempfile.tempdir = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = usual
            if held is not None:
                os.close(held)


def _lock(folder: str) -> int | None:
    """Return an open descriptor that locks a folder of this user; None where it cannot be had."""
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    with suppress(OSError):
        if os.fstat(descriptor).st_uid == os.getuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
    os.close(descriptor)
    return None
