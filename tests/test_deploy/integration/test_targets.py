"""Where results are written: regular files alone are replaced; tools say so before they begin."""
import os
import socket

import pytest
import torch
from deploy_tickets import small_ticket
from tiny_street import load_tool

from mmst import files
from mmst.deploy.export import save_sparse
from mmst.errors import TrainingError


@pytest.fixture(scope='module')
def ticket(tmp_path_factory):
    path = tmp_path_factory.mktemp('ticket') / 'ticket.pth'
    small_ticket(sparsity=0.8).save(path)
    return path


def place(kind, folder):
    """Something that is no regular file; returns its path."""
    path = folder / kind
    if kind == 'folder':
        path.mkdir()
    elif kind == 'pipe':
        os.mkfifo(path)
    elif kind == 'socket':
        os.chdir(folder)  # the paths of sockets are short
        socket.socket(socket.AF_UNIX).bind(kind)
    elif kind == 'device':
        try:
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
        except OSError:
            pytest.skip('devices can be made by root alone')
    elif kind == 'link to a device':
        path.symlink_to('/dev/null')
    return path


@pytest.mark.parametrize('kind', ['folder', 'pipe', 'socket', 'device', 'link to a device'])
@pytest.mark.parametrize('tool, arguments', [
    ('compact', []), ('export', ['--format', 'sparse']), ('export', ['--format', 'onnx'])])
def test_what_is_no_regular_file_is_left_alone(ticket, tmp_path, monkeypatch, capsys, kind, tool,
                                               arguments):
    monkeypatch.chdir(tmp_path)
    path = place(kind, tmp_path)
    before = os.lstat(path)
    assert load_tool(tool).main([str(ticket), '-o', str(path), *arguments]) == 2
    err = capsys.readouterr().err
    assert f'is a {kind.split()[-1]}. Remedy: ' in err
    assert err.count('\n') == 1
    after = os.lstat(path)
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert len(list(tmp_path.iterdir())) == 1


def test_everything_that_is_written_goes_the_same_way(tmp_path):
    pipe = place('pipe', tmp_path)
    with pytest.raises(TrainingError, match='is a pipe'):
        files.write_bytes(pipe, b'1')
    with pytest.raises(TrainingError, match='is a pipe'):
        save_sparse(small_ticket(), pipe)
    with pytest.raises(TrainingError, match='is a pipe'):
        small_ticket().save(pipe)


def test_a_link_stays_and_its_file_is_written(tmp_path):
    (tmp_path / 'store').mkdir()
    target = tmp_path / 'store' / 'real.pth'
    link = tmp_path / 'link.pth'
    link.symlink_to(target)
    for content in (b'first', b'second'):  # the first time the link leads nowhere yet
        files.write_bytes(link, content)
        assert link.is_symlink() and not target.is_symlink()
        assert target.read_bytes() == content
    assert os.listdir(tmp_path / 'store') == ['real.pth']


def test_a_failed_write_of_a_tool_does_not_advise_what_it_lacks(ticket, tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    assert load_tool('compact').main([str(ticket), '-o', str(tmp_path / 'file' / 'x.pth')]) == 2
    err = capsys.readouterr().err
    assert 'cannot be written (' in err and 'go on with --resume' not in err
    error = files.cannot_write('x.pth', OSError(28, 'No space left on device'))
    assert 'start again (a training run with --resume)' in str(error)
    assert torch.load(ticket, weights_only=True)['format'] == 'mmst.ticket'
