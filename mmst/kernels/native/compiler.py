"""Finds a C++ compiler and runs it.

This module and :mod:`.prebuilt` need Python alone: ``setup.py`` uses them before anything of this
package is installed.
"""
import hashlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

#: Headers that kernels share.
INCLUDE = Path(__file__).parent / 'include'
#: No -ffast-math: it would let a shared library change how the whole process rounds.
FLAGS = ('-O3', '-std=c++17', '-fPIC', '-shared', '-pthread', '-fno-math-errno',
         '-fno-trapping-math', '-fno-signed-zeros')
COMPILERS = ('c++', 'g++', 'clang++')
#: Seconds that a compiler may take: ours are done within one minute, on a busy machine in some.
PATIENCE = 900


class BuildError(RuntimeError):
    """Is raised where there is no compiler, or it cannot compile the kernel."""


def find_compiler() -> list[str] | None:
    """Return $CXX, else the first that is installed, as a program and its arguments (``ccache
    g++``).

    Raises:
        BuildError: $CXX has a quotation mark without its partner.
    """
    asked = os.environ.get('CXX')
    try:
        # As a shell splits it, unless the whole is the path of a program.
        commands = ([[name] for name in COMPILERS] if not asked else
                    [[asked], shlex.split(asked)])
    except ValueError as error:
        raise BuildError(f'CXX = {asked!r}: {error}') from error
    for program, *arguments in filter(None, commands):
        found = shutil.which(program)
        if found:
            return [found, *arguments]
    return None


def compile_library(compiler: Sequence[str], target: Sequence[str], source: Path,
                    product: Path) -> None:
    """Compile a kernel.

    Args:
        compiler (Sequence[str]): As :func:`find_compiler` returns it.
        target (Sequence[str]): Its flags for the processor.
        source (Path): The C++ file; headers lie next to it or in ``INCLUDE``.
        product (Path): The library that is written.

    Raises:
        BuildError: The compiler refuses, in its own first line.
    """
    result = run_compiler([*compiler, *FLAGS, *target, f'-I{INCLUDE}', str(source), '-o',
                           str(product)])
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ['no message']
        raise BuildError(f'{shlex.join(compiler)} failed: {lines[0]}')


def run_compiler(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a compiler, which gets no input and may not take for ever.

    Raises:
        BuildError: It took longer than ``PATIENCE``.
    """
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors='replace', timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f'{command[0]} did not end within {PATIENCE} s') from error


def source_fingerprint(source: Path) -> str:
    """Return a digest of a kernel's source, its headers and the flags for any processor."""
    found = hashlib.sha256(repr(FLAGS).encode())
    for file in sorted(source.parent.iterdir()) + sorted(INCLUDE.iterdir()):
        found.update(file.read_bytes())
    return found.hexdigest()[:24]
