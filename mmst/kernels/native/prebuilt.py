"""Finds the kernels' libraries that came with a wheel, and compiles them when a wheel is built.

A wheel for Linux on x86-64 has a library of each kernel for each level of instructions; the best
one that the processor knows is loaded. ``setup.py`` uses this module: see :mod:`.compiler`.
"""
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from .compiler import BuildError, compile_library, find_compiler, source_fingerprint

#: Where a wheel has them, from the package's folder; a checkout has none.
FOLDER = 'kernels/native/libraries'
_AVX2 = frozenset(('abm', 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe', 'xsave'))
#: Levels of the x86-64 psABI, best first, and what Linux calls the instructions that they add to
#: the ones that all have.
LEVELS = {
    'x86-64-v4': _AVX2 | {'avx512bw', 'avx512cd', 'avx512dq', 'avx512f', 'avx512vl'},
    'x86-64-v3': _AVX2,
}


def level_flags(level: str) -> list[str]:
    """Return the compiler's flags for a level."""
    return [f'-march={level}']


def find_prebuilt(source: Path, asked: Sequence[str] = ()) -> list[Path]:
    """Return the libraries of this very source that this processor can run, best first.

    Args:
        source (Path): The kernel's C++ file.
        asked (Sequence[str]): Flags that the user wants it compiled with, if any: only the library
            that was compiled with these will do then.
    """
    libraries = Path(__file__).parents[2] / FOLDER
    if not libraries.is_dir():
        return []
    known = instructions()
    levels = [level for level, needed in LEVELS.items()
              if needed <= known and list(asked) in ([], level_flags(level))]
    paths = [libraries / _name(source, level) for level in levels]
    return [path for path in paths if path.is_file()]


def instructions() -> set[str]:
    """Return the names of the processor's instructions, as Linux lists those that programs may use;
    nothing where it is no x86-64.
    """
    cpuinfo = Path('/proc/cpuinfo')
    if platform.machine() != 'x86_64' or not cpuinfo.is_file():
        return set()
    lines = cpuinfo.read_text(errors='replace').splitlines()
    return set(next((line.partition(':')[2] for line in lines if line.startswith('flags')),
                    '').split())


def prebuild(package: Path, folder: Path) -> list[Path]:
    """Compile all kernels of the package for all levels.

    Whatever is missing is compiled at its first use: so without a compiler there is nothing, and a
    level that a compiler does not know is left out.

    Args:
        package (Path): The folder of the package's source.
        folder (Path): Gets the libraries.

    Returns:
        list[Path]: The files that have been written.
    """
    made: list[Path] = []
    try:
        compiler = find_compiler()
    except BuildError as error:
        print(f'Kernels are not compiled: {error}.', file=sys.stderr)
        return made
    if compiler is None:
        return made
    for source in sorted(package.glob('**/kernel/*.cpp')):
        for level in LEVELS:
            product = folder / _name(source, level)
            folder.mkdir(parents=True, exist_ok=True)
            try:
                compile_library(compiler, level_flags(level), source, product)
                made.append(product)
            except (BuildError, OSError) as error:
                print(f'{source.name} is not compiled for {level}: {error}.', file=sys.stderr)
    return made


def _name(source: Path, level: str) -> str:
    return f'{source.stem}_{source_fingerprint(source)}_{level}.so'
