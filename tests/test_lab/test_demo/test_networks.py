"""The demo's table has a row for each network, with figures that agree with other tools."""
import contextlib
import signal
import time
import warnings
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import pytest
import torch
from deploy_tickets import small_config, small_ticket
from mmengine.registry import init_default_scope

from mmst.deploy.export import Deployed
from mmst.deploy.ticket_cost import ticket_costs
from mmst.errors import TicketError, config_error
from mmst.lab.demo import networks, speed
from mmst.lab.demo.networks import Row, compare, table
from mmst.lab.scenes import generate

SHAPE = (64, 128)
RECORD = dict(
    dense=dict(params=10., macs=10., metrics=dict(mIoU=61.)),
    searched=dict(params=9e6, macs=8e8, metrics=dict(mIoU=60.)),
    pruned=dict(params=1e6, macs=1e8, metrics=dict(mIoU=5.)))


@pytest.fixture(scope='module')
def ticket():
    found = small_ticket()
    found.meta['input_shape'] = list(SHAPE)
    return found


@pytest.fixture(scope='module')
def cfg(tmp_path_factory):
    """The shipped config with a narrow network, on three generated images."""
    root = tmp_path_factory.mktemp('streets') / 'data'
    generate('quiet_streets', root, SHAPE, 1, 3, 0)
    found = small_config('cityscapes')
    found.val_dataloader.update(num_workers=0, persistent_workers=False)
    found.val_dataloader.dataset.data_root = str(root)
    found.val_dataloader.dataset.pipeline = [
        dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
    return found


@pytest.fixture(scope='module')
def summary(ticket):
    costs = ticket_costs(ticket, SHAPE).to_dict()
    whole, kept = costs['supernet']['total'], costs['searched']['total']
    return dict(input_shape=list(SHAPE), sparsity=ticket.sparsity, metrics=dict(mIoU=50.),
                params=dict(supernet=whole['params'], sparse=kept['nonzero']),
                macs=dict(supernet=whole['macs'], sparse=kept['sparse_macs']))


@pytest.fixture(scope='module')
def rows(ticket, summary, cfg):
    """The table's rows; onnxruntime's forms are left out, they take a minute."""
    init_default_scope('mmseg')
    patch = pytest.MonkeyPatch()

    def missing(self, name, ticket):
        def finish():
            raise config_error('onnxruntime', name, 'is not installed', 'pip install onnxruntime')
        return finish

    measured = []

    def measure(runs, image):
        measured.append(list(runs))
        return speed.milliseconds(runs, image)

    patch.setattr(speed.Exporter, '__call__', missing)
    patch.setattr(networks, 'milliseconds', measure)
    try:
        found = {row.name: row for row in compare(ticket, summary, RECORD, cfg, 'mIoU')}
    finally:
        patch.undo()
    assert len(measured) == 1, 'all networks are timed once, side by side'
    return found


def test_there_is_a_row_for_each_network(rows):
    assert list(rows) == [
        'supernet, dense (recorded)', 'searched (recorded)',
        'S+P (recorded)', 'ticket, 90% sparse', 'ticket, compacted',
        'sparse file, sparse engine']


def test_recorded_rows_show_the_record(rows):
    assert rows['supernet, dense (recorded)'].score == 61.
    assert rows['S+P (recorded)'].score == 5.
    assert rows['searched (recorded)'].megabytes == pytest.approx(36.)
    assert rows['S+P (recorded)'].megabytes == pytest.approx(36.), 'its zeros are stored'


def test_the_compacted_network_and_the_engine_score_as_the_ticket_does(rows, ticket, cfg):
    init_default_scope('mmseg')
    expected = networks.score(ticket.build(), cfg, 'mIoU')
    assert rows['ticket, compacted'].score == pytest.approx(expected, abs=0.1)
    assert rows['sparse file, sparse engine'].score == pytest.approx(expected, abs=0.1)


def test_compacting_leaves_fewer_stored_bytes_and_the_sparse_file_fewest(rows):
    whole, small, sparse = (rows[name].megabytes for name in (
        'ticket, 90% sparse', 'ticket, compacted', 'sparse file, sparse engine'))
    assert whole > small > sparse > 0


def test_networks_that_cannot_be_timed_say_why_below_the_table(rows):
    text = table(list(rows.values()), 'mIoU', SHAPE)
    assert 'ticket, compacted: not timed, onnxruntime = ' in text
    assert 'Remedy: pip install onnxruntime' in text
    rows_of_text = [line for line in text.splitlines()
                    if line.strip() and 'not timed' not in line]
    assert max(map(len, rows_of_text)) <= 80
    assert len(rows_of_text) == 3 + len(rows), 'no cell is broken over two lines'


def test_the_engine_is_timed_where_a_kernel_is_compiled(rows):
    engine = rows['sparse file, sparse engine']
    assert (engine.milliseconds is None) == bool(engine.why)
    assert engine.milliseconds is None or engine.milliseconds > 0


def test_rows_without_figures_show_dashes():
    assert '-' in table([Row('unknown')], 'mIoU', SHAPE)


@pytest.mark.parametrize('busy', [False, True])
def test_exports_end_after_so_much_processor_time_not_while_they_wait(
        tmp_path, monkeypatch, ticket, busy):
    def work(deployed, path):
        begin = time.process_time()
        while busy and time.process_time() < begin + 0.3:
            with contextlib.suppress(Exception):  # as exporters do
                sum(range(1000))
        time.sleep(0.1)
        path.touch()

    monkeypatch.setattr(speed, 'export_onnx', work)
    ticket.save(tmp_path / 'ticket.pth')
    # In a process of its own, as in the demo: the end may come anywhere, also where torch is about
    # to turn gradients on again.
    with ProcessPoolExecutor(1, mp_context=get_context('fork')) as pool:
        slow, timer = pool.submit(is_too_slow, tmp_path, 0.2 if busy else 5.).result()
    assert slow == busy
    assert (tmp_path / 'ticket.onnx').is_file() != busy
    assert timer == (0., 0.)


def is_too_slow(folder, seconds):
    """Whether the export of ``ticket.pth`` is ended, and what is left of its timer."""
    try:
        speed.export_within(folder / 'ticket.pth', SHAPE, folder / 'ticket.onnx', seconds)
    except speed.TooSlow:
        return True, signal.getitimer(signal.ITIMER_PROF)
    return False, signal.getitimer(signal.ITIMER_PROF)


def test_an_export_prints_nothing_between_the_lines_of_the_demo(
        tmp_path, monkeypatch, capsys, ticket):
    def talk(deployed, path):
        print('a pass of the exporter')
        warnings.warn('a toolbox deprecates', UserWarning, stacklevel=1)

    monkeypatch.setattr(speed, 'export_onnx', talk)
    ticket.save(tmp_path / 'ticket.pth')
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter('always')
        speed.export_within(tmp_path / 'ticket.pth', SHAPE, tmp_path / 'ticket.onnx', 100.)
    assert not heard and capsys.readouterr() == ('', '')


class Pool:
    """What an export leaves behind, without the export."""

    def __init__(self, error):
        self.future = Future()
        self.future.set_exception(error)

    def submit(self, *arguments):
        return self.future


@pytest.mark.parametrize('error', [speed.TooSlow(), BrokenProcessPool()])
def test_networks_whose_export_was_ended_are_left_out_with_a_remedy(tmp_path, ticket, error):
    with speed.Exporter(SHAPE, tmp_path) as export:
        export._pool, pool = Pool(error), export._pool
        run, why = speed.attempt(export('ticket', ticket))
        export._pool = pool
    assert run is None
    assert 'Remedy: ' in why


@pytest.mark.slow
def test_exports_run_side_by_side_in_processes_of_their_own(tmp_path, ticket):
    with speed.Exporter(SHAPE, tmp_path) as export:
        started = [export(name, ticket) for name in ('one', 'two')]
        runs = [finish() for finish in started]
    image = torch.randn(1, 3, *SHAPE)
    with torch.no_grad():
        expected = Deployed(ticket, SHAPE)(image)
    for run in runs:
        output, = run(image)
        assert torch.allclose(torch.from_numpy(output), expected, atol=1e-3 * expected.abs().max())


def test_errors_of_the_code_are_not_taken_for_missing_packages():
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        speed.attempt(broken)


def test_times_are_of_every_network(monkeypatch):
    monkeypatch.setattr(speed, 'ROUNDS', 3)
    calls = []
    runs = dict(one=lambda image: calls.append('one'), two=lambda image: calls.append('two'))
    found = speed.milliseconds(runs, torch.zeros(1, 3, 4, 4))
    assert set(found) == {'one', 'two'}
    assert calls == ['one', 'two'] * 5, 'they take turns, two rounds warm up'


def test_a_network_of_another_kind_is_left_to_torch():
    class Foreign:
        def build(self):
            return torch.nn.Conv2d(3, 3, 1)

    with pytest.raises(TicketError, match='Remedy'):
        speed.sparse_engine(Foreign())
