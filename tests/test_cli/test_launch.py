"""``mmst launch`` passes its arguments to torchrun, and refuses wrong ones in one line."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmst.cli.launch import main
from mmst.engine.run.stop import die_with_parent


@pytest.mark.parametrize('words, problem', [
    (['--no-such-flag', 'xx'], '--no-such-flag'), ([], 'training_script'),
    (['--nproc-per-node'], 'expected one argument')])
def test_a_wrong_argument_is_refused_in_one_line(words, problem, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    line, = captured.err.splitlines()
    assert line.startswith('mmst launch: error: ') and problem in line and not captured.out


@pytest.mark.parametrize('content, problem', [
    (b'\x89PNG\r\n\x1a\n', 'codec'), (b'model = dict(\n', 'was never closed'),
    (b'x = 1\0', 'null bytes'), (b'[' * 10**5, 'nested')])
def test_a_script_that_is_no_python_is_refused_before_a_process_starts(tmp_path, capsys, content,
                                                                       problem):
    (tmp_path / 'script.py').write_bytes(content)
    assert main([str(tmp_path / 'script.py')]) == 2
    line, = capsys.readouterr().err.splitlines()
    assert 'script.py is no Python script' in line and problem in line and '--no-python' in line


def test_a_module_that_is_not_there_is_refused_before_a_process_starts(capsys):
    assert main(['-m', 'no_such_module.part']) == 2
    line, = capsys.readouterr().err.splitlines()
    assert 'no module no_such_module.part' in line


SCRIPT = '''import os, pathlib, time
from mmst.engine.run.stop import StopSignals
with StopSignals():
    pathlib.Path(f"{os.environ['RANK']}.tmp").write_text(str(os.getpid()))
    os.rename(f"{os.environ['RANK']}.tmp", f"{os.environ['RANK']}.txt")
    time.sleep(SECONDS)
'''


def launched(folder, seconds):
    """Start two processes of a script, with a folder of their own for temporary files."""
    (folder / 'tmp').mkdir()
    (folder / 'script.py').write_text(SCRIPT.replace('SECONDS', str(seconds)))
    return subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-m', 'mmst', 'launch', '--nproc-per-node', '2',
         '--rdzv-backend=c10d', '--rdzv-endpoint=127.0.0.1:0', 'script.py'], cwd=folder,
        env=dict(os.environ, TMPDIR=str(folder / 'tmp'), PYTHONPATH=str(Path(__file__).parents[2])),
        preexec_fn=die_with_parent)


@pytest.mark.by_turns(5)
def test_nothing_temporary_is_left(tmp_path):
    assert launched(tmp_path, 0).wait(120) == 0
    assert not list((tmp_path / 'tmp').iterdir())


@pytest.mark.by_turns(5)
@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='Linux tells of dead parents')
def test_processes_end_with_a_launcher_that_is_killed(tmp_path):
    process, said = launched(tmp_path, 600), [tmp_path / f'{rank}.txt' for rank in range(2)]
    until(lambda: all(path.exists() for path in said), 120)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for path in said:
        until(lambda path=path: not alive(int(path.read_text())), 5)


def until(true, seconds):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(number):
    """Whether there is a process that has not ended, nor waits for its parent to notice."""
    try:
        return Path(f'/proc/{number}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except OSError:
        return False
