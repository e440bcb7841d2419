"""Building kernels."""
import errno
import os
import stat

import pytest

from mmst.native import build

needs_compiler = pytest.mark.skipif(build.find_compiler() is None, reason='no C++ compiler')


def fake_compiler(folder, script):
    """A compiler that is a shell script; its calls are counted in ``calls``."""
    path = folder / 'compiler'
    path.write_text(f'#!/bin/sh\necho call >> {folder}/calls\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_without_compiler_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(build.BuildError, match='no C.. compiler'):
        build.build(tmp_path / 'kernel.cpp')


def test_compiler_that_fails_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    monkeypatch.setenv('CXX', fake_compiler(tmp_path, 'echo "bad flag" >&2; exit 1'))
    with pytest.raises(build.BuildError, match='bad flag') as caught:
        build.build(tmp_path / 'kernel.cpp')
    assert '\n' not in str(caught.value)
    assert not list((tmp_path / 'cache').glob('*.so'))


def test_failures_of_the_system_are_told_too(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    source = source_file(tmp_path / 'source', 'int one;')
    other = tmp_path / 'compiler of another processor'
    other.write_bytes(b'\x7fELF')
    other.chmod(0o755)
    monkeypatch.setenv('CXX', str(other))
    assert build.build_or_tell(source, 'Slowly') is None
    monkeypatch.setenv('CXX', fake_compiler(
        tmp_path, 'test "$1" = --version || for last; do :; done; echo > "${last-/dev/null}"'))

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    assert build.build_or_tell(source, 'Slowly') is None
    monkeypatch.delenv(build.CACHE)
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)

    def no_home():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.setattr(build.Path, 'home', no_home)
    assert build.build_or_tell(source, 'Slowly') is None
    told = capsys.readouterr()
    for words in ('Exec format error', 'No space left', 'home directory'):
        assert f'{words}' in told.out + told.err


def source_file(folder, text):
    """A kernel's source in a folder of its own."""
    folder.mkdir()
    (folder / 'kernel.cpp').write_text(text)
    return folder / 'kernel.cpp'


def test_fingerprint_changes_with_flags_source_and_headers(tmp_path, monkeypatch):
    compiler = fake_compiler(tmp_path, 'echo version 1')
    source = source_file(tmp_path / 'source', 'int one;')
    found = [build.fingerprint(source, compiler)]
    assert build.fingerprint(source, compiler) == found[0]
    source.write_text('int other;')
    found.append(build.fingerprint(source, compiler))
    (source.parent / 'beside.h').write_text('int third;')
    found.append(build.fingerprint(source, compiler))
    monkeypatch.setattr(build, 'FLAGS', (*build.FLAGS, '-O1'))
    found.append(build.fingerprint(source, compiler))
    monkeypatch.setattr(build, 'INCLUDE', source.parent)
    found.append(build.fingerprint(source, compiler))
    assert len(set(found)) == 5


def test_target_asked_for_reaches_the_compiler_and_nothing_else_is_tried(tmp_path, monkeypatch):
    monkeypatch.setenv(build.TARGET, '-mavx2 -mfma')
    compiler = fake_compiler(tmp_path, f'echo "$@" >> {tmp_path}/arguments; exit 1')
    with pytest.raises(build.BuildError):
        build.compile_to(tmp_path / 'kernel.so', tmp_path / 'kernel.cpp', compiler)
    arguments, = (tmp_path / 'arguments').read_text().splitlines()
    assert ' -mavx2 -mfma ' in arguments and '=native' not in arguments


def test_another_target_is_another_library(tmp_path, monkeypatch):
    compiler = fake_compiler(tmp_path, 'echo version 1')
    source = source_file(tmp_path / 'source', 'int one;')
    monkeypatch.delenv(build.TARGET, raising=False)
    first = build.fingerprint(source, compiler)
    monkeypatch.setenv(build.TARGET, '-mavx2 -mfma')
    assert build.fingerprint(source, compiler) != first


@needs_compiler
def test_library_is_compiled_once(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path))
    source = source_file(tmp_path / 'source', 'extern "C" int lanes() { return 4; }')
    assert build.build(source).lanes() == 4
    built, = tmp_path.glob('*.so')
    stamp = os.stat(built).st_mtime_ns
    assert build.build(source).lanes() == 4
    assert os.stat(built).st_mtime_ns == stamp


@needs_compiler
def test_a_library_in_a_cache_that_cannot_be_written_is_used(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    source = source_file(tmp_path / 'source', 'extern "C" int lanes() { return 4; }')
    build.build(source)

    def refuse(path):
        raise PermissionError(errno.EACCES, 'Permission denied', str(path))

    monkeypatch.setattr(build, 'locked', refuse)  # the superuser may write anywhere
    assert build.build(source).lanes() == 4


@needs_compiler
def test_kernels_share_headers_and_keep_apart(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path))
    for number, name in enumerate(('one', 'two')):
        source = source_file(tmp_path / name, '#include "pool.h"\nextern "C" int number() '
                             f'{{ int n = 0; Pool::run(3, 1, [&](int, int) {{ n += {number}; }});'
                             ' return n; }')
        assert build.build(source).number() == 3 * number
    assert len(list(tmp_path.glob('*.so'))) == 2
