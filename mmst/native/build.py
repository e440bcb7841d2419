"""Compiling a kernel, once per machine and version of its source."""
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Optional

from mmengine.logging import print_log

from .. import files
from ..errors import TrainingError

#: Headers that kernels share.
INCLUDE = Path(__file__).parent / 'include'
#: No -ffast-math: it would let a shared library change how the whole process rounds.
FLAGS = ('-O3', '-std=c++17', '-fPIC', '-shared', '-pthread', '-fno-math-errno',
         '-fno-trapping-math', '-fno-signed-zeros')
COMPILERS = ('c++', 'g++', 'clang++')
#: ``MMST_KERNEL=none`` does without kernels; ``MMST_KERNEL_CACHE`` is the folder of the builds;
#: ``MMST_KERNEL_TARGET`` holds the compiler's flags for the processor, e.g. ``-mavx2 -mfma``.
SWITCH, CACHE, TARGET = 'MMST_KERNEL', 'MMST_KERNEL_CACHE', 'MMST_KERNEL_TARGET'


class BuildError(RuntimeError):
    """There is no compiler, or it cannot compile the kernel."""


def build(source: Path) -> ctypes.CDLL:
    """The library of a kernel: from the cache, or compiled into it.

    Of several processes that start at once, one compiles.

    Args:
        source (Path): Its C++ file; headers lie beside it or in ``INCLUDE``.

    Raises:
        BuildError: In one line.
    """
    if os.environ.get(SWITCH, '').lower() == 'none':
        raise BuildError(f'{SWITCH}=none')
    compiler = find_compiler()
    if compiler is None:
        raise BuildError('no C++ compiler found (set CXX, or install g++ or clang++)')
    try:
        path = cache_folder() / f'{source.stem}_{fingerprint(source, compiler)}.so'
        if not path.is_file():  # a cache that is complete may be read-only
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path.with_suffix('.lock')):
                if not path.is_file():
                    compile_to(path, source, compiler)
        return ctypes.CDLL(str(path))
    except (OSError, RuntimeError, TrainingError) as error:  # no home folder: a RuntimeError
        raise BuildError(str(error)) from error


def build_or_tell(source: Path, instead: str) -> Optional[ctypes.CDLL]:
    """The library of a kernel, or None: then the log tells ``instead`` and why."""
    try:
        return build(source)
    except BuildError as error:
        print_log(f'{instead}: {error}.', logger='current')
        return None


def find_compiler() -> Optional[str]:
    """$CXX, else the first that is installed."""
    names = [os.environ['CXX']] if os.environ.get('CXX') else COMPILERS
    return next((found for found in map(shutil.which, names) if found), None)


def compile_to(path: Path, source: Path, compiler: str) -> None:
    """Compile to ``path``, whole or not at all; for this very processor where that works.

    With flags of ``MMST_KERNEL_TARGET`` it is compiled with them or not at all.
    """
    with tempfile.TemporaryDirectory() as folder:
        product = Path(folder) / 'kernel.so'
        for target in (target_flags(), *([] if os.environ.get(TARGET) else [[]])):
            command = [compiler, *FLAGS, *target, f'-I{INCLUDE}', str(source), '-o', str(product)]
            result = subprocess.run(command, capture_output=True, text=True)
            if not result.returncode:
                return files.write_bytes(path, product.read_bytes())
    lines = result.stderr.strip().splitlines() or ['no message']
    raise BuildError(f'{compiler} failed: {lines[0]}')


def target_flags() -> List[str]:
    """The flags asked for; else all instructions that this processor has."""
    if os.environ.get(TARGET):
        return os.environ[TARGET].split()
    return ['-mcpu=native' if platform.machine() in ('arm64', 'aarch64') else '-march=native']


def fingerprint(source: Path, compiler: str) -> str:
    """Of all that decides about the library: source, flags, compiler, processor."""
    version = subprocess.run([compiler, '--version'], capture_output=True, text=True).stdout
    found = hashlib.sha256(repr((FLAGS, target_flags(), version, processor())).encode())
    for file in sorted(source.parent.iterdir()) + sorted(INCLUDE.iterdir()):
        found.update(file.read_bytes())
    return found.hexdigest()[:24]


def processor() -> str:
    """Model and instructions: a home folder may be shared by different machines."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    wanted = ('model name', 'flags', 'Features', 'CPU part')
    told = {line.partition(':')[0].strip(): line for line in lines if line.startswith(wanted)}
    return repr((platform.platform(), platform.processor(), sorted(told.values())))


def cache_folder() -> Path:
    """Where builds are kept."""
    if os.environ.get(CACHE):
        return Path(os.environ[CACHE])
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'mmst'


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for other processes that hold the file; a process that dies lets go of it."""
    import fcntl  # not on Windows, where the build ends in a BuildError before
    with open(path, 'w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
