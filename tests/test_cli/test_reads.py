"""Tools read a file once: large ones take seconds, and between two readings it may change."""
import pytest
import torch
from opened import counting_opens, needs_inotify
from tiny_street import load_tool

from mmst.deploy.export import save_sparse
from mmst.deploy.sparse import SparseModel
from mmst.lab.report import write_report
from mmst.tickets import Ticket

pytestmark = needs_inotify


@pytest.fixture(scope='module')
def sparse(tmp_path_factory, trained):
    """The run's ticket as a sparse file."""
    path = tmp_path_factory.mktemp('sparse') / 'x.sparse'
    save_sparse(Ticket.load(trained / 'ticket.pth'), path)
    return path


def tool(name, *args):
    return load_tool(name).main([str(arg) for arg in args])


def test_the_count_sees_each_opening(tmp_path):
    path = tmp_path / 'x.pth'
    torch.save({}, path)
    with counting_opens(path) as counts:
        path.read_bytes(), torch.load(path, weights_only=True)
    assert counts[path] == 2


@pytest.mark.parametrize('name, more', [
    ('compact', ['-o', 'OUT.pth']), ('cost', []), ('accelerator', []),
    ('export', ['--format', 'sparse', '-o', 'OUT.sparse']),
    ('export', ['--format', 'torch', '-o', 'OUT.pt2'])])
def test_a_sparse_file_is_read_once_by_tools(sparse, tmp_path, name, more):
    with counting_opens(sparse) as counts:
        assert not tool(name, sparse, *(arg.replace('OUT', str(tmp_path / 'out')) for arg in more))
    assert counts == {sparse: 1}


def test_a_sparse_file_is_read_once_by_an_evaluation(config, test, sparse, tmp_path):
    with counting_opens(sparse) as counts:
        assert test([config, str(sparse), '--work-dir', str(tmp_path)]) == 0
    assert counts == {sparse: 1}


def test_a_sparse_file_is_read_once_by_the_engine(sparse):
    with counting_opens(sparse) as counts:
        SparseModel.from_ticket(sparse)
    assert counts == {sparse: 1}


def test_an_evaluation_reads_a_ticket_once_besides_the_runner(config, test, trained, tmp_path):
    ticket = trained / 'ticket.pth'
    with counting_opens(ticket) as counts:
        assert test([config, str(ticket), '--work-dir', str(tmp_path)]) == 0
    assert counts == {ticket: 2}


def test_a_report_reads_the_ticket_once(trained, tmp_path):
    ticket = trained / 'ticket.pth'
    with counting_opens(ticket) as counts:
        write_report(trained, tmp_path / 'report.html', samples=1)
    assert counts == {ticket: 1}
