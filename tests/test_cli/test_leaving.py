"""A process ends as fast and as safely as its exit code and its connections allow."""
import os
import subprocess
import sys
import textwrap

import pytest

from mmst.cli import leaving
from mmst.engine.run import launcher


@pytest.fixture
def calls(monkeypatch):
    """Return the list of what was called, in order; os._exit raises, since it does not return."""
    made = []
    monkeypatch.setattr(launcher, 'stop_processes', lambda: made.append('stop_processes'))
    monkeypatch.setattr(leaving.atexit, '_run_exitfuncs', lambda: made.append('atexit'))
    monkeypatch.setattr(leaving.threading, '_shutdown', lambda: made.append('threads'))

    def leave_at_once(code):
        made.append(code)
        raise KeyboardInterrupt

    monkeypatch.setattr(leaving.os, '_exit', leave_at_once)
    return made


@pytest.mark.parametrize('code', [0, 2])
def test_a_connected_process_disconnects_and_does_not_finalize_the_interpreter(
        monkeypatch, calls, code):
    monkeypatch.setenv('RANK', '1')
    with pytest.raises(KeyboardInterrupt):
        leaving.leave(code)
    assert calls == ['stop_processes', 'threads', 'atexit', code]


@pytest.mark.parametrize('code', [0, 2])
def test_a_process_without_others_ends_as_python_does(monkeypatch, calls, code):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(SystemExit) as ended:
        leaving.leave(code)
    assert ended.value.code == code and not calls


@pytest.mark.parametrize('code', leaving.ASKED)
def test_a_process_that_was_asked_to_end_does_not_wait_for_others(monkeypatch, calls, code):
    """They may not be there any more."""
    monkeypatch.setenv('RANK', '1')
    with pytest.raises(KeyboardInterrupt):
        leaving.leave(code)
    assert calls == ['atexit', code]


def test_a_connected_process_loses_neither_output_nor_threads_at_work(tmp_path):
    script = textwrap.dedent('''
        import atexit, sys, threading, time
        from mmst.cli.leaving import leave
        from mmst.engine.run import launcher
        def write():
            time.sleep(.5)
            open(sys.argv[1], 'w').write('whole')
        atexit.register(lambda: print('registered'))
        threading.Thread(target=write).start()
        sys.stdout.write('not flushed ')
        leave(3)''')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script, tmp_path / 'file'],
        env=dict(os.environ, RANK='0'), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (3, 'not flushed registered\n')
    assert (tmp_path / 'file').read_text() == 'whole'
