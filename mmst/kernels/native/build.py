"""Loads a kernel: as a wheel has it, or compiled once per machine and version of its source."""
import ctypes
import hashlib
import os
import platform
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mmengine.logging import print_log

from ... import files
from ...errors import TrainingError
from .compiler import BuildError, compile_library, find_compiler, run_compiler, source_fingerprint
from .prebuilt import find_prebuilt

#: Ending of the file that holds a library's SHA-256.
DIGEST, _DIGEST_LENGTH = '.sha256', 100
#: ``MMST_KERNEL=none`` turns kernels off; ``MMST_KERNEL_CACHE`` is the folder of the builds;
#: ``MMST_KERNEL_TARGET`` holds the compiler's flags for the processor, e.g. ``-mavx2 -mfma``.
SWITCH, CACHE, TARGET = 'MMST_KERNEL', 'MMST_KERNEL_CACHE', 'MMST_KERNEL_TARGET'


def is_built(source: Path) -> bool:
    """Return whether :func:`build` would find the library, without a compiler's work."""
    try:
        return os.environ.get(SWITCH, '').lower() != 'none' and (
            _load_prebuilt(source) is not None or _find(source) is not None)
    except (BuildError, OSError, RuntimeError):
        return False


def _find(source: Path) -> Path | None:
    """Return the file in the cache that :func:`build` would load; None where it would compile."""
    compiler, name = find_compiler(), f'{source.stem}_{fingerprint(source)}'
    paths = sorted(cache_folder().glob(f'{name}_*.so')) if compiler is None else [
        cache_folder() / f'{name}_{compiler_fingerprint(compiler)}.so']
    return next((path for path in paths if _is_whole(path)), None)


def build(source: Path) -> ctypes.CDLL:
    """Return the library of a kernel: of the wheel, from the cache, or compiled into it.

    Of several processes that start at once, one compiles. A file in the cache is used only where
    its digest is the one that was written with it, and where nobody but this user and the
    superuser could have written it; without a compiler, whichever has built it.

    Args:
        source (Path): Its C++ file; headers lie next to it or in ``INCLUDE``.

    Raises:
        BuildError: In one line.
    """
    if os.environ.get(SWITCH, '').lower() == 'none':
        raise BuildError(f'{SWITCH}=none')
    try:
        library = _load_prebuilt(source)
        if library is not None:
            return library
        compiler, name = find_compiler(), f'{source.stem}_{fingerprint(source)}'
        if compiler is None:
            return _load_any(cache_folder(), name)
        path = cache_folder() / f'{name}_{compiler_fingerprint(compiler)}.so'
        library = _load(path)  # a cache that is complete may be read-only
        if library is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with locking(path.with_suffix('.lock')):
                library = _load(path)
                if library is None:
                    compile_to(path, source, compiler)
                    library = ctypes.CDLL(str(path))
        return library
    except BuildError:
        raise
    except (OSError, RuntimeError, TrainingError) as error:  # no home folder: a RuntimeError
        raise BuildError(f'{error} ({CACHE} names a folder for the builds, TMPDIR one for the '
                         'compiler)') from error


def _load_prebuilt(source: Path) -> ctypes.CDLL | None:
    """Load the best library of the wheel; None: it has none that this system can load."""
    for path in find_prebuilt(source, _user_flags()):
        with suppress(OSError):  # made for a newer system
            return ctypes.CDLL(str(path))
    return None


def _load(path: Path) -> ctypes.CDLL | None:
    """Load the library if its file is whole: a damaged one would end the process as it loads."""
    try:
        return ctypes.CDLL(str(path)) if _is_whole(path) else None
    except OSError:  # for another kind of machine
        return None


def _is_whole(path: Path) -> bool:
    try:
        recorded = files.read_text(path.with_suffix(DIGEST), _DIGEST_LENGTH).strip()
        return _is_ours(path) and hashlib.sha256(path.read_bytes()).hexdigest() == recorded
    except (OSError, ValueError):  # missing
        return False


def _is_ours(path: Path) -> bool:
    """Return whether another user could not have written a library: to load it is to run it."""
    status = path.stat()
    owned = not hasattr(os, 'getuid') or status.st_uid in (os.getuid(), 0)
    return owned and stat.S_ISREG(status.st_mode) and not status.st_mode & stat.S_IWOTH


def _load_any(folder: Path, name: str) -> ctypes.CDLL:
    """Return the library that some compiler has built from the same source for this processor."""
    for path in sorted(folder.glob(f'{name}_*.so')):
        library = _load(path)
        if library is not None:
            return library
    raise BuildError('no C++ compiler found (set CXX, or install g++ or clang++)')


def build_or_log(source: Path, instead: str) -> ctypes.CDLL | None:
    """Return the library of a kernel, or None: then the log gives ``instead`` and the reason."""
    try:
        return build(source)
    except BuildError as error:
        print_log(f'{instead}: {error}.', logger='current')
        return None


def compile_to(path: Path, source: Path, compiler: Sequence[str]) -> None:
    """Compile to ``path``, whole or not at all; for this very processor where that works.

    The digest is written after it, next to it.

    With flags of ``MMST_KERNEL_TARGET`` it is compiled with them or not at all.
    """
    with tempfile.TemporaryDirectory() as folder:
        product = Path(folder) / 'kernel.so'
        try:
            compile_library(compiler, target_flags(), source, product)
        except BuildError:
            if _user_flags():
                raise
            compile_library(compiler, [], source, product)
        data = product.read_bytes()
    files.write_bytes(path, data)
    path.chmod(0o755)  # also where all may write what this process writes
    files.write_bytes(path.with_suffix(DIGEST), hashlib.sha256(data).hexdigest().encode())


def target_flags() -> list[str]:
    """Return the flags asked for; else all instructions that this processor has."""
    native = '-mcpu=native' if platform.machine() in ('arm64', 'aarch64') else '-march=native'
    return _user_flags() or [native]


def _user_flags() -> list[str]:
    return os.environ.get(TARGET, '').split()


def fingerprint(source: Path) -> str:
    """Return a digest of source, flags and processor, without the compiler."""
    parts = source_fingerprint(source), target_flags(), processor()
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def compiler_fingerprint(compiler: Sequence[str]) -> str:
    """Return a digest of a compiler's version and of its arguments."""
    version = run_compiler([*compiler, '--version']).stdout
    return hashlib.sha256(repr((version, compiler[1:])).encode()).hexdigest()[:8]


def processor() -> str:
    """Return the processor's model and instructions: machines may share a home folder."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    wanted = ('model name', 'flags', 'Features', 'CPU part')
    recorded = {line.partition(':')[0].strip(): line for line in lines if line.startswith(wanted)}
    return repr((platform.platform(), platform.processor(), sorted(recorded.values())))


def cache_folder() -> Path:
    """Return the folder of the builds."""
    if os.environ.get(CACHE):
        return Path(os.environ[CACHE])
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'mmst'


@contextmanager
def locking(path: Path) -> Iterator[None]:
    """Wait for other processes that hold the file; a process that dies lets go of it."""
    import fcntl  # not on Windows, where the build ends in a BuildError before
    # Not emptied: a link in its place may lead elsewhere.
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), 'rb') as file:
        # Some network file systems have no locks: two builds then replace each other, whole.
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file unlocks it
