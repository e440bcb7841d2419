"""What classes may do while they are built for a file."""
import collections
import io
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from mmpretrain.registry import TRANSFORMS

from mmst.errors import TicketError
from mmst.tickets.doors import closed_doors


def pickled(path):
    """A pickle that opens a new file."""
    return f'cbuiltins\nopen\n(V{path}\nVw\ntR.'.encode()


def pickled_array(path):
    file = io.BytesIO()
    header = dict(descr='|O', fortran_order=False, shape=(1, ))
    np.lib.format.write_array_header_1_0(file, header)
    return io.BytesIO(file.getvalue() + pickled(path))


ACTS = dict(
    a_shell=lambda path: os.system(f'touch {path}'),
    a_pipe=lambda path: os.popen(f'touch {path}').close(),
    a_process=lambda path: subprocess.run([sys.executable, '-c', f'open({str(path)!r}, "w")']),
    a_written_file=lambda path: path.write_text('x'),
    a_file_opened_to_append=lambda path: open(path, 'a').close(),
    a_descriptor=lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY)),
    a_folder=lambda path: path.mkdir(),
    a_moved_file=lambda path: (path.parent / 'kept').rename(path),
    a_link=lambda path: path.symlink_to('kept'),
    a_pickle=lambda path: pickle.loads(pickled(path)),
    a_pickle_file=lambda path: pickle.load(io.BytesIO(pickled(path))),
    an_array_of_objects=lambda path: np.load(pickled_array(path), allow_pickle=True),
    a_text=lambda path: eval(f'open({str(path)!r}, "w")'),
    a_program=lambda path: exec(f'open({str(path)!r}, "w")'),
    a_toolbox_that_evaluates=lambda path: TRANSFORMS.build(dict(
        type='torchvision/ConvertImageDtype', dtype=f'os and open({str(path)!r}, "w")')))


@pytest.mark.parametrize('act', ACTS.values(), ids=list(ACTS))
def test_nothing_is_executed_or_written(act, tmp_path):
    (tmp_path / 'kept').write_text('kept')
    with closed_doors(), pytest.raises(TicketError, match='its settings lead to'):
        act(tmp_path / 'new')
    assert [path.name for path in tmp_path.iterdir()] == ['kept']


@pytest.mark.parametrize('act', [
    lambda path: path.unlink(), lambda path: os.remove(path),
    lambda path: shutil.rmtree(path.parent), lambda path: os.truncate(path, 0),
    lambda path: path.chmod(0)])
def test_nothing_is_deleted(act, tmp_path):
    path = tmp_path / 'kept'
    path.write_text('kept')
    with closed_doors(), pytest.raises(TicketError):
        act(path)
    assert path.read_text() == 'kept' and os.access(path, os.W_OK)


@pytest.mark.parametrize('act', [
    lambda: socket.create_connection(('127.0.0.1', 9)), lambda: socket.getaddrinfo('localhost', 9),
    lambda: socket.socket().connect(('127.0.0.1', 9))])
def test_nothing_is_contacted(act):
    with closed_doors(), pytest.raises(TicketError):
        act()


def test_what_building_needs_goes_on(tmp_path):
    array = np.arange(3)
    with closed_doors(tmp_path):
        assert collections.namedtuple('Point', 'x y')(1, 2).y == 2
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(dict(a=array)))['a'], array)
        assert TRANSFORMS.build(dict(type='torchvision/ConvertImageDtype', dtype='float32'))
        (tmp_path / 'new').write_text('x')
        (tmp_path / 'new').unlink()
        assert Path(__file__).read_text().startswith('"""')
        assert eval('tmp_path') is tmp_path and not eval('tmp_path', dict(tmp_path=0))


def test_a_module_that_is_imported_may_evaluate_and_write(tmp_path, monkeypatch):
    (tmp_path / 'mmst_imported.py').write_text(
        f'value = eval("1 + len([])")\nopen({str(tmp_path / "new")!r}, "w").close()\n')
    monkeypatch.syspath_prepend(tmp_path)
    with closed_doors():
        import mmst_imported
    assert mmst_imported.value == 1 and (tmp_path / 'new').exists()


def test_other_threads_go_on(tmp_path):
    with closed_doors():
        thread = threading.Thread(target=(tmp_path / 'new').write_text, args=('x', ))
        thread.start()
        thread.join()
    assert (tmp_path / 'new').read_text() == 'x'


def test_everything_is_as_before_afterwards():
    before = [eval, exec, open, io.open, os.open, os.remove, pickle.loads, pickle.Unpickler]
    with closed_doors():
        pass
    assert before == [eval, exec, open, io.open, os.open, os.remove, pickle.loads, pickle.Unpickler]
