"""Libraries of kernels that travel in a wheel."""
import os
import stat

import pytest

from mmst.kernels.native import build, prebuilt

ALL = set().union(*prebuilt.LEVELS.values())
needs_compiler = pytest.mark.skipif(build.find_compiler() is None, reason='no C++ compiler')


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A kernel's source; libraries of wheels lie in ``libraries``."""
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.delenv(build.TARGET, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    monkeypatch.setattr(prebuilt, 'FOLDER', tmp_path / 'libraries')  # joined, it stays as it is
    monkeypatch.setattr(prebuilt, 'instructions', lambda: ALL)
    path = tmp_path / 'package/kernel/kernel.cpp'
    path.parent.mkdir(parents=True)
    path.write_text('extern "C" int lanes() { return 4; }')
    return path


def fake_compiler(folder, script):
    path = folder / 'compiler'
    path.write_text(f'#!/bin/sh\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def prebuild_empty(source, tmp_path, monkeypatch, condition='true'):
    """Prebuild by a compiler that writes empty files."""
    monkeypatch.setenv('CXX', fake_compiler(
        tmp_path, f'for last; do :; done; {condition} && : > "$last"'))
    return prebuilt.prebuild(tmp_path / 'package', tmp_path / 'libraries')


def level_of(path):
    return path.stem.rpartition('_')[2]


@pytest.mark.parametrize('known, levels', [
    (ALL, ['x86-64-v4', 'x86-64-v3']), (ALL - {'avx512vl'}, ['x86-64-v3']),
    (ALL - {'fma'}, []), (set(), [])])
def test_the_best_level_that_the_processor_has_comes_first(source, tmp_path, monkeypatch, known,
                                                           levels):
    assert len(prebuild_empty(source, tmp_path, monkeypatch)) == len(prebuilt.LEVELS)
    monkeypatch.setattr(prebuilt, 'instructions', lambda: known)
    assert [level_of(path) for path in prebuilt.find_prebuilt(source)] == levels


def test_flags_that_are_asked_for_choose_the_level_or_none(source, tmp_path, monkeypatch):
    prebuild_empty(source, tmp_path, monkeypatch)
    found, = prebuilt.find_prebuilt(source, ['-march=x86-64-v3'])
    assert level_of(found) == 'x86-64-v3'
    assert not prebuilt.find_prebuilt(source, ['-march=x86-64-v3', '-O1'])


def test_a_library_of_another_source_is_not_found(source, tmp_path, monkeypatch):
    prebuild_empty(source, tmp_path, monkeypatch)
    (source.parent / 'more.h').write_text('int more;')
    assert not prebuilt.find_prebuilt(source)


def test_a_level_that_the_compiler_does_not_know_is_left_out(source, tmp_path, monkeypatch, capsys):
    made = prebuild_empty(source, tmp_path, monkeypatch,
                          'case "$*" in *v4*) echo "bad value" >&2; exit 1;; esac')
    assert [level_of(path) for path in made] == ['x86-64-v3']
    assert 'kernel.cpp is not compiled for x86-64-v4: ' in capsys.readouterr().err


@pytest.mark.parametrize('compiler', ['no-such-compiler', '"half a quotation'])
def test_without_compiler_nothing_is_built(source, tmp_path, monkeypatch, compiler):
    monkeypatch.setenv('CXX', compiler)
    assert not prebuilt.prebuild(tmp_path / 'package', tmp_path / 'libraries')
    assert not (tmp_path / 'libraries').exists()


@needs_compiler
@pytest.mark.skipif(not prebuilt.instructions() >= prebuilt.LEVELS['x86-64-v3'], reason='no AVX2')
def test_the_wheels_library_is_loaded_before_a_compiler_is_looked_for(source, tmp_path,
                                                                      monkeypatch):
    monkeypatch.undo()  # the processor's own instructions
    monkeypatch.setattr(prebuilt, 'FOLDER', tmp_path / 'libraries')
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.delenv(build.TARGET, raising=False)
    prebuilt.prebuild(tmp_path / 'package', tmp_path / 'libraries')
    monkeypatch.setenv('CXX', '/nonexistent')
    assert build.is_built(source) and build.build(source).lanes() == 4
    assert not (tmp_path / 'cache').exists()
    monkeypatch.setenv(build.SWITCH, 'none')
    assert not build.is_built(source)
    with pytest.raises(build.BuildError, match='MMST_KERNEL=none'):
        build.build(source)


@needs_compiler
def test_a_library_that_this_system_cannot_load_is_compiled_here(source, tmp_path, monkeypatch):
    for path in prebuild_empty(source, tmp_path, monkeypatch):
        path.write_bytes(b'\x7fELF' + bytes(4096))
    monkeypatch.delenv('CXX')
    assert not build.is_built(source)
    assert build.build(source).lanes() == 4
    assert os.listdir(tmp_path / 'cache')
