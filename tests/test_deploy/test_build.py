"""Building the kernel."""
import os
import stat

import pytest

from mmst.deploy.sparse import build

needs_compiler = pytest.mark.skipif(build.find_compiler() is None, reason='no C++ compiler')


def fake_compiler(folder, script):
    """A compiler that is a shell script; its calls are counted in ``calls``."""
    path = folder / 'compiler'
    path.write_text(f'#!/bin/sh\necho call >> {folder}/calls\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_without_compiler_the_error_says_so(monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(build.BuildError, match='no C.. compiler'):
        build.build()


def test_compiler_that_fails_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    monkeypatch.setenv('CXX', fake_compiler(tmp_path, 'echo "bad flag" >&2; exit 1'))
    with pytest.raises(build.BuildError, match='bad flag') as caught:
        build.build()
    assert '\n' not in str(caught.value)
    assert not list((tmp_path / 'cache').glob('*.so'))


def test_fingerprint_changes_with_the_flags_and_the_source(tmp_path, monkeypatch):
    compiler = fake_compiler(tmp_path, 'echo version 1')
    first = build.fingerprint(compiler)
    assert build.fingerprint(compiler) == first
    monkeypatch.setattr(build, 'FLAGS', (*build.FLAGS, '-O1'))
    flags = build.fingerprint(compiler)
    (tmp_path / 'source').mkdir()
    (tmp_path / 'source' / build.MAIN).write_text('int other;')
    monkeypatch.setattr(build, 'SOURCES', tmp_path / 'source')
    assert len({first, flags, build.fingerprint(compiler)}) == 3


def test_target_asked_for_reaches_the_compiler_and_nothing_else_is_tried(tmp_path, monkeypatch):
    monkeypatch.setenv(build.TARGET, '-mavx2 -mfma')
    compiler = fake_compiler(tmp_path, f'echo "$@" >> {tmp_path}/arguments; exit 1')
    with pytest.raises(build.BuildError):
        build.compile_to(tmp_path / 'sparse.so', compiler)
    arguments, = (tmp_path / 'arguments').read_text().splitlines()
    assert ' -mavx2 -mfma ' in arguments and 'native' not in arguments


def test_another_target_is_another_library(tmp_path, monkeypatch):
    compiler = fake_compiler(tmp_path, 'echo version 1')
    monkeypatch.delenv(build.TARGET, raising=False)
    first = build.fingerprint(compiler)
    monkeypatch.setenv(build.TARGET, '-mavx2 -mfma')
    assert build.fingerprint(compiler) != first


@needs_compiler
def test_library_is_compiled_once(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path))
    (tmp_path / 'source').mkdir()
    (tmp_path / 'source' / build.MAIN).write_text('extern "C" int lanes() { return 4; }')
    monkeypatch.setattr(build, 'SOURCES', tmp_path / 'source')
    assert build.build().lanes() == 4
    built, = tmp_path.glob('*.so')
    stamp = os.stat(built).st_mtime_ns
    assert build.build().lanes() == 4
    assert os.stat(built).st_mtime_ns == stamp
