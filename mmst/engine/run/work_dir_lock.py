"""Locks a work directory for one run."""
import os
from pathlib import Path

from ... import files
from ...errors import TrainingError

LOCK = '.mmst_lock'

#: Descriptors of the locks that this process holds, by directory.
_held: dict[str, int] = {}


def lock(work_dir: Path) -> None:
    """Lock the directory and remove files that killed runs have left half written."""
    if _key(work_dir) in _held:
        return
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
        descriptor = files.open_own(work_dir / LOCK, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise files.cannot_write(work_dir / LOCK, error) from error
    if not _lock_file(descriptor):
        owner = os.read(descriptor, 100).decode(errors='replace').strip()
        os.close(descriptor)
        raise TrainingError(
            f'work_dir = {str(work_dir)!r}: another run ({owner}) is at work there. '
            'Remedy: wait for its end, or give another --work-dir.')
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f'process {os.getpid()}'.encode())
    _held[_key(work_dir)] = descriptor
    _refuse_links(work_dir)
    for folder in (work_dir, work_dir / 'tickets'):
        files.remove_leftovers(folder)


def release(work_dir: str | Path) -> None:
    """Let others have the directory. A process that ends releases its own by itself."""
    held = _held.pop(_key(work_dir), None)
    if held is not None:
        os.close(held)


def _refuse_links(work_dir: Path) -> None:
    """Refuse links that lead out of the directory: the files that they name would be overwritten.

    Checkpoints may be links: they are read, and new ones take their places.
    """
    root = os.path.realpath(work_dir)
    for folder, folders, names in os.walk(work_dir):
        for path in (os.path.join(folder, name) for name in (*folders, *names)):
            within = os.path.join(os.path.realpath(path), '').startswith(os.path.join(root, ''))
            if os.path.islink(path) and not within and not path.endswith('.pth'):
                release(work_dir)
                raise TrainingError(
                    f'work_dir = {str(work_dir)!r}: {os.path.relpath(path, work_dir)} is a link to '
                    f'{os.path.realpath(path)}, and the run would write there. Remedy: remove the '
                    'link, or give another --work-dir.')


def _lock_file(descriptor: int) -> bool:
    """Return whether the file is locked now; always where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        # Not flock: data loading workers would inherit that, and hold it for some seconds after
        # the run that started them was killed.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _key(work_dir: str | Path) -> str:
    return os.path.realpath(work_dir)
