"""A study's accuracy against multiply-adds and milliseconds."""
import io
import json
from types import SimpleNamespace

import accuracy_and_time as subject
import pytest
from PIL import Image
from study_tables import row, section, table

from mmst.deploy.find import find_ticket


def filled():
    rows = [row('d.chance', [4.]), row('d.dense', [60., 62.]), row('d.st_p90', [50., 54.]),
            row('d.sp_magnitude_p90', [])]
    for found, macs in zip(rows, (None, 9e6, 2e6, 2e6), strict=True):
        found['costs']['macs_layers'] = macs
    return table(section(*rows), section(*rows[:2], title='again'))


def jobs():
    return {f'{run}-seed{seed}': SimpleNamespace(run=SimpleNamespace(name=run), seed=seed)
            for run in ('d.dense', 'd.st_p90') for seed in (0, 1)}


def test_each_finished_row_is_one_point_with_means_over_its_seeds():
    times = {'d.dense-seed0': 4., 'd.dense-seed1': 6., 'd.st_p90-seed1': 2.}
    dense, ticket = subject.points(filled(), times, jobs())
    assert (dense['run'], dense['macs'], dense['milliseconds']['mean']) == ('d.dense', 9e6, 5.)
    assert (ticket['score']['mean'], ticket['milliseconds']['seeds']) == (52., [1])
    assert dense['kind'] != ticket['kind']


@pytest.mark.parametrize('run, other', [
    ('d.gmp_p90', 'd.acdc_p90'), ('d.st_p90', 'd.st_value_p95'),
    ('d.two_in_one_p90', 'd.two_in_one_pp_irp_p90')])
def test_runs_of_one_kind_share_a_mark(run, other):
    assert subject.kind(run) == subject.kind(other) is not None


def test_rows_without_a_time_are_drawn_against_multiply_adds_alone():
    rows = subject.points(filled(), {'d.dense-seed0': 4.}, jobs())
    with_times, without = (
        Image.open(io.BytesIO(subject.draw(found, filled())))
        for found in (rows, [dict(r, milliseconds=dict(mean=None)) for r in rows]))
    assert with_times.format == 'PNG' and with_times.size[0] > 800
    assert with_times.tobytes() != without.tobytes()


def test_pruned_networks_are_timed_by_the_sparse_engine_and_those_without_a_ticket_left_out(
        tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(subject, 'sparse_engine', lambda ticket: asked.append(ticket.sparsity)
                        or (lambda image: image.sum()))
    (tmp_path / 'there').mkdir()
    find_ticket('street-p90').save(tmp_path / 'there/ticket.pth')
    records = {name: dict(input_shape=[64, 64]) for name in ('there', 'gone')}
    times = subject.time_networks({name: SimpleNamespace(
        folder=tmp_path / name, run=SimpleNamespace(name=name)) for name in records},
                                  SimpleNamespace(records=records))
    assert list(times) == ['there'] and times['there'] > 0
    assert asked and min(asked) > 0.5


def test_times_of_an_earlier_record_are_those_of_the_same_runs(tmp_path):
    rows = subject.points(filled(), {'d.dense-seed1': 6., 'd.st_p90-seed0': 2.}, jobs())
    path = tmp_path / 'record.json'
    path.write_text(json.dumps(dict(rows=rows, machine=dict(cpu='before'))))
    others = {key: job for key, job in jobs().items() if key != 'd.st_p90-seed0'}
    assert subject.read_times(path, jobs(), filled()) == (
        {'d.dense-seed1': 6., 'd.st_p90-seed0': 2.}, dict(cpu='before'))
    assert subject.read_times(path, others, filled())[0] == {'d.dense-seed1': 6.}
    repeated = filled()
    repeated['sections'][0]['rows'][2]['metrics']['AP']['values'][0] = 51.
    assert subject.read_times(path, jobs(), repeated)[0] == {'d.dense-seed1': 6.}
    with pytest.raises(SystemExit, match='no run has a ticket'):
        subject.read_times(tmp_path / 'none.json', jobs(), filled())


def test_the_dense_supernet_is_timed_without_a_ticket(tmp_path, monkeypatch):
    class Export:
        def __init__(self, shape, folder):
            self.shape = shape

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def __call__(self, name, ticket):
            network = ticket.build().eval()
            return lambda: lambda image: network(image)

    monkeypatch.setattr(subject, 'Exporter', Export)
    job = SimpleNamespace(run=SimpleNamespace(name='d.dense'), folder=tmp_path,
                          config=subject.ROOT / 'configs/demo/st_hrnas_cityscapes_dense_demo.py')
    assert subject.untrained(job).sparsity == 0
    times = subject.time_networks({'d.dense-seed0': job}, SimpleNamespace(
        records={'d.dense-seed0': dict(input_shape=[32, 32])}))
    assert times['d.dense-seed0'] > 0
