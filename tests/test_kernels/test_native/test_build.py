"""Building kernels."""
import errno
import hashlib
import os
import signal
import stat
import time

import pytest

from mmst.kernels.native import build, compiler

needs_compiler = pytest.mark.skipif(build.find_compiler() is None, reason='no C++ compiler')


def fake_compiler(folder, script):
    """A compiler that is a shell script; its calls are counted in ``calls``."""
    path = folder / 'compiler'
    path.write_text(f'#!/bin/sh\necho call >> {folder}/calls\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_without_compiler_the_error_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(build.BuildError, match=r'no C.. compiler'):
        build.build(tmp_path / 'kernel.cpp')
    monkeypatch.setenv('CXX', 'ccache "g++')
    with pytest.raises(build.BuildError, match=r'CXX = .*No closing quotation'):
        build.build(tmp_path / 'kernel.cpp')


def test_compiler_that_fails_is_reported_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    monkeypatch.setenv('CXX', fake_compiler(tmp_path, 'echo "bad flag" >&2; exit 1'))
    with pytest.raises(build.BuildError, match='bad flag') as caught:
        build.build(tmp_path / 'kernel.cpp')
    assert '\n' not in str(caught.value)
    assert not list((tmp_path / 'cache').glob('*.so'))


def test_failures_of_the_system_are_reported_too(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    source = source_file(tmp_path / 'source', 'int one;')
    other = tmp_path / 'compiler of another processor'
    other.write_bytes(b'\x7fELF')
    other.chmod(0o755)
    monkeypatch.setenv('CXX', str(other))
    assert build.build_or_log(source, 'Slowly') is None
    monkeypatch.setenv('CXX', fake_compiler(
        tmp_path, 'test "$1" = --version || for last; do :; done; echo > "${last-/dev/null}"'))

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    assert build.build_or_log(source, 'Slowly') is None
    monkeypatch.delenv(build.CACHE)
    monkeypatch.delenv('XDG_CACHE_HOME', raising=False)

    def no_home():
        raise RuntimeError('Could not determine home directory.')

    monkeypatch.setattr(build.Path, 'home', no_home)
    assert build.build_or_log(source, 'Slowly') is None
    printed = capsys.readouterr()
    for words in ('Exec format error', 'No space left', 'home directory'):
        assert f'{words}' in printed.out + printed.err


def source_file(folder, text):
    """A kernel's source in a folder of its own."""
    folder.mkdir()
    (folder / 'kernel.cpp').write_text(text)
    return folder / 'kernel.cpp'


def test_fingerprint_changes_with_flags_source_and_headers(tmp_path, monkeypatch):
    source = source_file(tmp_path / 'source', 'int one;')
    found = [build.fingerprint(source)]
    assert build.fingerprint(source) == found[0]
    source.write_text('int other;')
    found.append(build.fingerprint(source))
    (source.parent / 'neighbour.h').write_text('int third;')
    found.append(build.fingerprint(source))
    monkeypatch.setattr(compiler, 'FLAGS', (*compiler.FLAGS, '-O1'))
    found.append(build.fingerprint(source))
    monkeypatch.setattr(compiler, 'INCLUDE', source.parent)
    found.append(build.fingerprint(source))
    assert len(set(found)) == 5


def test_target_asked_for_reaches_the_compiler_and_nothing_else_is_tried(tmp_path, monkeypatch):
    monkeypatch.setenv(build.TARGET, '-mavx2 -mfma')
    fake = fake_compiler(tmp_path, f'echo "$@" >> {tmp_path}/arguments; exit 1')
    with pytest.raises(build.BuildError):
        build.compile_to(tmp_path / 'kernel.so', tmp_path / 'kernel.cpp', [fake])
    arguments, = (tmp_path / 'arguments').read_text().splitlines()
    assert ' -mavx2 -mfma ' in arguments and '=native' not in arguments


def test_another_target_is_another_library(tmp_path, monkeypatch):
    source = source_file(tmp_path / 'source', 'int one;')
    monkeypatch.delenv(build.TARGET, raising=False)
    first = build.fingerprint(source)
    monkeypatch.setenv(build.TARGET, '-mavx2 -mfma')
    assert build.fingerprint(source) != first


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

    monkeypatch.setattr(build, 'locking', refuse)  # the superuser may write anywhere
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


@pytest.fixture
def lanes(tmp_path, monkeypatch):
    """Source, and the library that was built from it."""
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    source = source_file(tmp_path / 'source', 'extern "C" int lanes() { return 4; }')
    assert in_new_process(source) == 4  # a library that this one has loaded is not loaded again
    built, = (tmp_path / 'cache').glob('*.so')
    return source, built


def in_new_process(source):
    """Return the kernel's answer where it is loaded for the first time; negative: a signal."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(build.build(source).lanes())
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@needs_compiler
@pytest.mark.parametrize('damage', [
    lambda path: path.write_bytes(path.read_bytes()[:len(path.read_bytes()) // 2]),
    lambda path: path.write_bytes(b''),
    lambda path: path.write_bytes(b'\x7fELF' + bytes(4096)),
    lambda path: path.with_suffix(build.DIGEST).unlink(),
    lambda path: path.with_suffix(build.DIGEST).write_bytes(b'\xff\xfe'),
    lambda path: (path.unlink(), path.write_bytes(path.with_suffix('.lock').read_bytes() or b'x'))])
def test_what_is_damaged_in_the_cache_is_compiled_again(tmp_path, lanes, damage):
    source, built = lanes
    # Of another source, whose answer would be seen.
    other = source_file(tmp_path / 'other', 'extern "C" int lanes() { return 8; }')
    assert in_new_process(other) == 8
    replaced, = set(built.parent.glob('*.so')) - {built}
    digest = replaced.with_suffix(build.DIGEST)
    os.replace(replaced, built)
    os.replace(digest, built.with_suffix(build.DIGEST))
    assert in_new_process(source) == 8  # undamaged, it is what is loaded
    damage(built)
    assert in_new_process(source) == 4
    assert hashlib.sha256(built.read_bytes()).hexdigest() == built.with_suffix(
        build.DIGEST).read_text()


@needs_compiler
def test_a_library_of_another_machine_is_compiled_again_though_its_digest_fits(lanes):
    source, built = lanes
    foreign = b'\x7fELF' + bytes(4096)
    built.unlink()
    built.write_bytes(foreign)
    built.with_suffix(build.DIGEST).write_text(hashlib.sha256(foreign).hexdigest())
    assert in_new_process(source) == 4


@needs_compiler
def test_the_cache_is_used_where_the_compiler_is_gone(lanes, monkeypatch):
    source, built = lanes
    monkeypatch.setenv('CXX', '/no/such/folder/g++')
    assert build.build(source).lanes() == 4
    source.write_text('extern "C" int lanes() { return 8; }')
    with pytest.raises(build.BuildError, match=r'no C.. compiler'):
        build.build(source)
    source.write_text('extern "C" int lanes() { return 4; }')
    built.unlink()
    built.write_bytes(b'\x7fELF')
    with pytest.raises(build.BuildError, match=r'no C.. compiler'):
        build.build(source)


@needs_compiler
def test_arguments_in_cxx_reach_the_compiler(lanes, tmp_path, monkeypatch):
    source, built = lanes
    real, *_ = build.find_compiler()
    launcher = fake_compiler(tmp_path, 'exec "$@"')
    for words in (f"{launcher} {real} -O2", f"'{launcher}' {real} '-DNAME=\"a b\"'"):
        monkeypatch.setenv('CXX', words)
        assert build.build(source).lanes() == 4
    assert len(list(built.parent.glob('*.so'))) == 3
    assert (tmp_path / 'calls').read_text().count('call') == 4  # a version and a build each


@needs_compiler
def test_of_two_builds_at_once_one_compiles(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    source = source_file(tmp_path / 'source', 'extern "C" int lanes() { return 4; }')
    real, *_ = build.find_compiler()
    monkeypatch.setenv('CXX', fake_compiler(
        tmp_path, f'[ "$1" = --version ] || {{ echo built >> {tmp_path}/built; sleep 0.3; }}\n'
        f'exec {real} "$@"'))
    pids = []
    for _ in range(3):
        pids.append(os.fork())
        if not pids[-1]:
            os._exit(build.build(source).lanes())
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids] == [4, 4, 4]
    assert (tmp_path / 'built').read_text().count('built') == 1


@pytest.fixture
def unloaded(tmp_path, monkeypatch):
    """Source, and the library that another process has built from it: this one never loads it."""
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    source = source_file(tmp_path / 'source', 'extern "C" int lanes() { return 4; }')
    assert in_new_process(source) == 4
    built, = (tmp_path / 'cache').glob('*.so')
    return source, built


def not_a_file(path):
    path.unlink()
    os.mkfifo(path)


@needs_compiler
@pytest.mark.parametrize('change', [lambda path: path.chmod(0o777),
                                    lambda path: os.chown(path, 12345, -1)])
def test_what_others_can_have_written_into_the_cache_is_not_loaded(unloaded, tmp_path, change):
    """Its digest fits: whoever writes a library writes that, too."""
    source, built = unloaded
    foreign = built.with_name('foreign')
    other = source_file(tmp_path / 'foreign', 'extern "C" int lanes() { return 66; }')
    build.compile_to(foreign, other, build.find_compiler())
    os.replace(foreign, built)
    os.replace(foreign.with_suffix(build.DIGEST), built.with_suffix(build.DIGEST))
    assert in_new_process(source) == 66
    try:
        change(built)
    except PermissionError:
        pytest.skip('only the superuser gives files away')
    assert in_new_process(source) == 4
    assert not built.stat().st_mode & stat.S_IWOTH


@needs_compiler
def test_pipes_in_the_cache_are_not_waited_for(unloaded):
    source, built = unloaded
    not_a_file(built.with_suffix('.lock'))
    built.unlink()
    assert in_new_process(source) == 4
    for pipe in (built, built.with_suffix(build.DIGEST)):
        not_a_file(pipe)
        with pytest.raises(build.BuildError, match='is a pipe'):
            build.build(source)


@needs_compiler
def test_a_lock_that_is_a_link_leaves_alone_what_it_leads_to(unloaded, tmp_path):
    source, built = unloaded
    (tmp_path / 'mine').write_text('all of it')
    built.with_suffix('.lock').unlink()
    built.with_suffix('.lock').symlink_to(tmp_path / 'mine')
    built.unlink()
    assert in_new_process(source) == 4
    assert (tmp_path / 'mine').read_text() == 'all of it'


@needs_compiler
def test_a_library_is_used_again_where_all_may_write_what_a_process_writes(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    source = source_file(tmp_path / 'source', 'extern "C" int lanes() { return 4; }')
    real, *_ = build.find_compiler()
    monkeypatch.setenv('CXX', fake_compiler(tmp_path, f'exec {real} "$@"'))
    before = os.umask(0)
    try:
        assert [in_new_process(source) for _ in range(2)] == [4, 4]
    finally:
        os.umask(before)
    assert (tmp_path / 'calls').read_text().count('call') == 3  # two versions and one build


def test_a_compiler_that_hangs_or_reads_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    monkeypatch.setattr(compiler, 'PATIENCE', 0.5)
    source = source_file(tmp_path / 'source', 'extern "C" int lanes() { return 4; }')
    for script in ('exec sleep 100', '[ "$1" = --version ] || exec sleep 100'):
        monkeypatch.setenv('CXX', fake_compiler(tmp_path, script))
        with pytest.raises(build.BuildError, match=r'did not end within 0\.5 s'):
            build.build(source)
    monkeypatch.setattr(compiler, 'PATIENCE', 60)
    monkeypatch.setenv('CXX', fake_compiler(tmp_path, 'cat; echo "no input" >&2; exit 1'))
    with pytest.raises(build.BuildError, match='no input'):
        build.build(source)


@needs_compiler
def test_a_build_whose_process_is_killed_lets_the_next_one_go_on(tmp_path, monkeypatch):
    monkeypatch.delenv(build.SWITCH, raising=False)
    monkeypatch.setenv(build.CACHE, str(tmp_path / 'cache'))
    source = source_file(tmp_path / 'source', 'extern "C" int lanes() { return 4; }')
    real, *_ = build.find_compiler()
    monkeypatch.setenv('CXX', fake_compiler(
        tmp_path, f'[ "$1" = --version ] || [ -e {tmp_path}/first ] || {{ touch {tmp_path}/first; '
        f'exec sleep 20; }}\nexec {real} "$@"'))
    pid = os.fork()
    if not pid:
        os._exit(build.build(source).lanes())
    while not (tmp_path / 'first').exists():
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    begin = time.monotonic()
    assert build.build(source).lanes() == 4
    assert time.monotonic() - begin < 15
