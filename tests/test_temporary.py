"""A folder for everything temporary, which vanishes even after a process was killed."""
import os
import subprocess
import sys
import tempfile
import time

import pytest

from mmst import temporary
from mmst.temporary import temporary_folder


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """The folder in which temporary ones are made."""
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    return tmp_path


def age(folder):
    os.utime(folder, (time.time() - 2 * temporary.OLD, ) * 2)


def test_it_vanishes_with_what_others_put_there(scratch):
    with pytest.raises(KeyError), temporary_folder('own_') as folder:
        kept = tempfile.mkdtemp()
        assert os.path.dirname(kept) == folder
        raise KeyError
    assert not list(scratch.iterdir()) and tempfile.gettempdir() == str(scratch)


def test_what_a_killed_process_has_left_goes_and_all_else_stays(scratch):
    code = ('import sys, tempfile; tempfile.tempdir = sys.argv[1]\n'
            'from mmst.temporary import temporary_folder\n'
            'with temporary_folder("own_") as folder:\n'
            '    print(folder, flush=True); input()\n')
    process = subprocess.Popen([sys.executable, '-c', code, str(scratch)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    left = process.stdout.readline().strip()
    for name in ('own_young', 'other_old'):
        (scratch / name).mkdir()
    age(scratch / 'other_old')
    (scratch / 'own_link').symlink_to(scratch / 'other_old')
    os.utime(scratch / 'own_link', (0, 0), follow_symlinks=False)
    age(left)
    with temporary_folder('own_'):
        assert os.path.isdir(left)  # its process is at work
    process.kill()
    process.communicate()
    with temporary_folder('own_'):
        assert not os.path.exists(left)
    assert {path.name for path in scratch.iterdir()} == {'own_young', 'other_old', 'own_link'}
