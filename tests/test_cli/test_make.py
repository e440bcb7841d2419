"""Two calls of make at once: the second waits for the first, and says so."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not shutil.which('make'), reason='no make')

#: Pretends to be pip, an interpreter or mkdocs: it logs when it begins and ends, and is at work
#: while the file ``hold`` is there.
SLOW = '''#!/bin/sh
echo "begin $$" >> log
while [ -e hold ]; do sleep 0.05; [ -e build/part ] || echo "lost $$" >> log; done
echo "end $$" >> log
'''
#: An interpreter whose environments hold such commands.
PYTHON = f'''#!/bin/sh
case "$1 $2" in
'-m venv') mkdir -p "$3/bin"; cp slow "$3/bin/python"; cp slow "$3/bin/mkdocs";;
*) exec {sys.executable} "$@";;
esac
'''


@pytest.fixture
def checkout(tmp_path):
    """A folder with what the Makefile needs, and commands that pretend."""
    (tmp_path / 'tools').mkdir()
    shutil.copy(ROOT / 'tools' / 'alone.py', tmp_path / 'tools')
    for name in ('Makefile', 'requirements.txt', 'requirements-no-deps.txt', 'setup.py',
                 'requirements-docs.txt'):
        shutil.copy(ROOT / name, tmp_path)
    for name, script in (('slow', SLOW), ('python', PYTHON)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    (tmp_path / 'build').mkdir()
    (tmp_path / 'build' / 'part').touch()
    (tmp_path / 'hold').touch()
    yield tmp_path
    for line in (tmp_path / 'log').read_text().splitlines():
        if line.startswith('begin'):  # what a failed test has left
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line.split()[1]), signal.SIGKILL)


def start(checkout, goal, **variables):
    """make in a process group of its own."""
    settings = dict(dict(PYTHON='./python', RUN='/bin/true', PIP='./slow'), **variables)
    return subprocess.Popen(
        ['make', goal, *(f'{key}={value}' for key, value in settings.items())], cwd=checkout,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def wait_for(checkout, count, word='begin'):
    """Until the log has so many lines of a kind."""
    deadline = time.monotonic() + 60
    while log(checkout).count(word) < count:
        assert time.monotonic() < deadline, log(checkout)
        time.sleep(0.02)


def log(checkout):
    path = checkout / 'log'
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def end(process):
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    return output


def waits(checkout, goal, whom):
    """Start another call; it must say for whom it waits, and do its work when that has ended."""
    second = start(checkout, goal)
    said = iter(second.stdout.readline, '')
    assert any(f'waits for make {whom} (process' in line for line in said)
    (checkout / 'hold').unlink()
    end(second)


def test_the_second_setup_waits_and_finds_everything_there(checkout):
    first = start(checkout, 'setup')
    wait_for(checkout, 1)
    waits(checkout, 'setup', 'setup')
    end(first)
    assert log(checkout) == ['begin', 'end'] * 3


def test_a_demo_waits_for_the_setup(checkout):
    first = start(checkout, 'setup')
    wait_for(checkout, 1)
    waits(checkout, 'demo', 'setup')
    end(first)
    assert log(checkout) == ['begin', 'end'] * 3


def test_two_documentations_are_built_one_after_the_other(checkout):
    first = start(checkout, 'docs')
    wait_for(checkout, 1)
    waits(checkout, 'docs', 'docs')
    end(first)
    assert log(checkout) == ['begin', 'end'] * 3  # pip once, mkdocs twice


def test_nothing_is_removed_under_a_demo_and_two_of_them_share_the_environment(checkout):
    (checkout / '.venv').mkdir()
    (checkout / '.venv' / '.setup-complete').touch()
    demos = [start(checkout, 'demo', RUN='./slow') for _ in range(2)]
    wait_for(checkout, 2)
    waits(checkout, 'clean', 'demo')
    for demo in demos:
        assert 'waits' not in end(demo)
    assert log(checkout) == ['begin', 'begin', 'end', 'end']
    assert not (checkout / 'build').exists()


def test_a_lock_does_not_survive_its_holder(checkout):
    first = start(checkout, 'setup')
    wait_for(checkout, 1)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    (checkout / 'hold').unlink()
    assert 'was not finished' in end(start(checkout, 'setup'))


def test_while_a_process_is_left_of_a_killed_call_the_lock_is_held(checkout):
    first = start(checkout, 'setup')
    wait_for(checkout, 1)
    first.kill()  # make alone: pip is still at work
    waits(checkout, 'setup', 'setup')
    assert log(checkout)[:2] == ['begin', 'end']
