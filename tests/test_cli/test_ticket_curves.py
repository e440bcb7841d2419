"""mmst curves of tickets: accuracy against milliseconds."""
import csv
import json
import shutil

import pytest
from deploy_tickets import small_ticket, with_levels
from sparse_nets import needs_kernel
from study_tables import curves_table
from tiny_street import load_tool

METRICS = {'a': dict(mIoU=40., aAcc=70.), 'b': dict(mIoU=35.5, aAcc=60.)}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two tickets with metrics, one without, and a table of a study."""
    folder = tmp_path_factory.mktemp('tickets')
    for name, sparsity in (('a', 0.5), ('b', 0.9)):
        small_ticket(sparsity=sparsity, cut=0).save(folder / f'{name}.pth')
        (folder / f'{name}.json').write_text(json.dumps(dict(metrics=METRICS[name])))
    shutil.copy(folder / 'a.pth', folder / 'bare.pth')
    family = with_levels(small_ticket(sparsity=0.5, cut=0), (0.5, 0.9))
    for name in ('family', 'broken'):
        family.save(folder / f'{name}.pth')
    rows = [dict(level=0.5, metrics=METRICS['a']), dict(level=0.9, metrics=METRICS['b'])]
    (folder / 'family.json').write_text(json.dumps(dict(metrics=METRICS['a'], levels=rows)))
    (folder / 'broken.json').write_text(json.dumps(dict(levels=[dict(level='a')])))
    shutil.copy(folder / 'a.pth', folder / 'odd.pth')
    odd = dict(mIoU=float('inf'), aAcc=50., mAcc=None)
    (folder / 'odd.json').write_text(json.dumps(dict(metrics=odd)))
    (folder / 'table.json').write_text(json.dumps(curves_table()))
    return folder


def tool(folder, *words):
    return load_tool('curves').main([str(folder / word) if '.' in word else word
                                     for word in words])


@needs_kernel
def test_tickets_are_timed_and_drawn_with_the_metrics_of_their_runs(folder, tmp_path, capsys):
    assert tool(folder, 'b.pth', 'a.pth', '--metric', 'aAcc', '--out', str(tmp_path)) == 0
    rows = list(csv.DictReader((tmp_path / 'curves.csv').open()))
    assert {row['ticket'][-5:]: float(row['aAcc']) for row in rows} == {'a.pth': 70., 'b.pth': 60.}
    times = [float(row['milliseconds']) for row in rows]
    assert times == sorted(times) and times[0] > 0
    assert sorted(round(float(row['sparsity']), 1) for row in rows) == [0.5, 0.9]
    assert (tmp_path / 'curves.png').stat().st_size > 5000
    svg = (tmp_path / 'curves.svg').read_text()
    assert all(text in svg for text in ('90%', 'aAcc', 'milliseconds', '40x48'))
    assert 'b.pth: 90.0% sparse, aAcc 60' in capsys.readouterr().out


@needs_kernel
def test_all_levels_of_a_family_are_drawn(folder, tmp_path):
    assert tool(folder, 'family.pth', '--out', str(tmp_path)) == 0
    rows = list(csv.DictReader((tmp_path / 'curves.csv').open()))
    assert {row['ticket'].rpartition(' at ')[2]: float(row['mIoU']) for row in rows} == {
        '0.5': 40., '0.9': 35.5}
    assert sorted(round(float(row['sparsity']), 1) for row in rows) == [0.5, 0.9]


@needs_kernel
def test_a_shared_family_keeps_the_metrics_of_its_levels(folder, tmp_path):
    shared = tmp_path / 'shared'
    words = [str(folder / 'family.pth'), '-o', str(shared), '--no-timing']
    assert load_tool('share').main(words) == 0
    levels = json.loads((shared / 'ticket.json').read_text())['levels']
    assert [(row['level'], row['metrics']) for row in levels] == [
        (0.5, METRICS['a']), (0.9, METRICS['b'])]
    assert [round(row['sparsity'], 1) for row in levels] == [0.5, 0.9]
    card = (shared / 'README.md').read_text()
    assert '| 0.9 | 90.0% of the weights pruned, mIoU 35.5, aAcc 60 |' in card
    again = tmp_path / 'again'  # also from the folder
    assert load_tool('share').main([str(shared), '-o', str(again), '--no-timing']) == 0
    assert json.loads((again / 'ticket.json').read_text())['levels'] == levels
    assert load_tool('curves').main([str(again), '--out', str(tmp_path)]) == 0
    rows = list(csv.DictReader((tmp_path / 'curves.csv').open()))
    assert sorted(float(row['mIoU']) for row in rows) == [35.5, 40.]


@pytest.mark.parametrize('words, printed', [
    (['broken.pth'], 'is no summary of a family'),
    (['a.pth', 'table.json'], 'is no table of a study, and others are'),
    (['odd.pth', '--metric', 'mIoU'], "--metric = 'mIoU': the tickets do not all have it"),
    (['odd.pth', '--metric', 'mAcc'], 'Remedy: give one of aAcc'),
    (['a.pth', 'bare.pth'], 'its metrics are not known'),
    (['a.pth', 'b.pth', '--metric', 'AP'], "--metric = 'AP': the tickets do not all have it"),
    (['table.json', '--metric', 'AP'], '--metric = '), (['table.json', '--shape', '8'], '--shape'),
    (['a.pth', '--shape', '0'], '--shape')])
def test_what_cannot_be_drawn_is_refused_in_one_line(folder, tmp_path, capsys, words, printed):
    assert tool(folder, *words, '--out', str(tmp_path)) == 2
    line, = capsys.readouterr().err.splitlines()
    assert printed in line and 'Remedy: ' in line and not list(tmp_path.iterdir())
