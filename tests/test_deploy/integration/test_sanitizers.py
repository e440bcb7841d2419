"""The sparse kernel under AddressSanitizer and UBSan, called from Python as users call it.

``MMST_SLOW=1`` tries more cases, and the narrower instructions, too.
"""
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from mmst.kernels.native.build import processor
from mmst.kernels.native.compiler import find_compiler

pytestmark = pytest.mark.by_turns(5, together=True)
TESTS = Path(__file__).parents[2]
SLOW = os.environ.get('MMST_SLOW') == '1'
#: Flags of the compiler to the library that has to be in the process first: GCC's, Clang's; UBSan
#: alone needs none.
CHOICES = ((['-fsanitize=address,undefined'], 'libasan.so'),
           (['-fsanitize=address,undefined', '-shared-libasan'],
            f'libclang_rt.asan-{platform.machine()}.so'),
           (['-fsanitize=address'], 'libasan.so'), (['-fsanitize=undefined'], ''))
STRICT = '-fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1'


def sanitizer(folder):
    """Flags and library of the first choice that works here; None: the compiler has neither."""
    compiler = find_compiler()
    source, product = folder / 'probe.cpp', folder / 'probe.so'
    source.write_text('extern "C" int at(int *p, int i) { return p[i] + i; }\n')
    for flags, name in CHOICES if compiler else ():
        command = [*compiler, *flags, *STRICT.split(), '-fPIC', '-shared', str(source)]
        if subprocess.run([*command, '-o', str(product)], capture_output=True).returncode:
            continue
        # The C++ library comes along: AddressSanitizer looks for its exceptions when it starts.
        library = ' '.join(subprocess.run(
            [*compiler, f'-print-file-name={file}'], capture_output=True, text=True).stdout.strip()
            for file in (name, 'libstdc++.so.6') if name)
        code = f'import ctypes; ctypes.CDLL({str(product)!r})'
        if not subprocess.run([sys.executable, '-c', code], env=environment(library),
                              capture_output=True).returncode:
            return flags, library
    return None


def environment(library, **more):
    """Of a process that ends where a sanitizer finds something."""
    return dict(os.environ, LD_PRELOAD=library, PYTHONPATH=str(TESTS), OMP_NUM_THREADS='1',
                ASAN_OPTIONS='detect_leaks=0:detect_odr_violation=0:verify_asan_link_order=0',
                UBSAN_OPTIONS='print_stacktrace=1', **more)


@pytest.fixture(scope='module')
def watched(tmp_path_factory):
    """A function that runs tests/sanitized.py with a watched kernel."""
    folder = tmp_path_factory.mktemp('sanitizers')
    found = sanitizer(folder)
    if found is None:
        pytest.skip('the compiler has neither AddressSanitizer nor UBSan')
    flags, library = found

    def run(*arguments, target='-mcpu=native' if platform.machine() in ('arm64', 'aarch64') else  # noqa: B008
            '-march=native'):
        env = environment(library, MMST_KERNEL_CACHE=str(folder / 'cache'),
                          MMST_KERNEL_TARGET=' '.join([target, *flags, STRICT]))
        return subprocess.run([sys.executable, str(TESTS / 'sanitized.py'), *map(str, arguments)],
                              env=env, cwd=TESTS.parent, capture_output=True, text=True)

    run.flags = flags
    return run


@pytest.mark.parametrize('target', ['own', *(['-mavx2 -mfma', '-msse2'] if SLOW else [])])
def test_random_networks_and_sizes_touch_nothing_that_is_not_theirs(watched, target):
    if target != 'own' and 'avx2' not in processor():
        pytest.skip('no AVX2')
    cases = 600 if SLOW else 40
    done = watched(0, cases, **({} if target == 'own' else dict(target=target)))
    assert done.returncode == 0, done.stderr[-3000:]
    assert f'{cases} cases, ' in done.stdout


def test_a_read_beyond_a_map_would_be_noticed(watched):
    if not any('address' in flag for flag in watched.flags):
        pytest.skip('UBSan alone does not see it')
    done = watched('overflow')
    assert done.returncode != 0 and 'not noticed' not in done.stdout
    assert 'AddressSanitizer: heap-buffer-overflow' in done.stderr
