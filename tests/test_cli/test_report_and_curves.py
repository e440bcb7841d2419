"""The tools that draw: arguments, files, errors in one line."""
import json

import pytest
from report_runs import write_run
from study_tables import bars_table, curves_table
from tiny_street import load_tool


def test_the_report_is_written_and_named(tmp_path, capsys):
    write_run(tmp_path / 'run')
    assert load_tool('report').main([str(tmp_path / 'run'), '--samples', '0']) == 0
    assert (tmp_path / 'run/report.html').is_file()
    out = str(tmp_path / 'other.html')
    assert load_tool('report').main([str(tmp_path / 'run'), '-o', out, '--samples', '0']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f'written: {out}'


@pytest.mark.parametrize('arguments', [['nowhere'], ['.', '--samples', '-1'], ['.']])
def test_what_is_no_run_ends_in_one_line(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    assert load_tool('report').main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith('report.py: error: ') and 'Remedy: ' in error
    assert error.count('\n') == 1 and not list(tmp_path.iterdir())


def test_curves_and_bars_are_drawn_into_one_figure(tmp_path, capsys):
    for name, table in (('t', curves_table()), ('u', bars_table())):
        (tmp_path / f'{name}.json').write_text(json.dumps(table))
    tool, tables = load_tool('curves'), [str(tmp_path / f'{name}.json') for name in 'tu']
    assert tool.main([*tables, '--name', 'all', '--out', str(tmp_path / 'out')]) == 0
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'all.png', 'all.svg', 'all_figure.csv']
    assert tool.main([str(tmp_path / 'nothing.json')]) == 2
    assert 'no such file' in capsys.readouterr().err


@pytest.mark.parametrize(
    'damage, printed',
    [(lambda lines: [*lines[:2], '{"kind": "pru\n', *lines[2:]], 'line 3 is no event'),
     (lambda lines: [*lines[:1], '{"kind": "prune", "step": 1}\n', *lines[1:]],
      'line 2 has no ratio'),
     (lambda lines: [*lines, '{"kind": "search", "step": "x"}\n'], 'is no event'),
     (lambda lines: [*lines, '\x00\x00\n'], 'is no event'), (lambda lines: lines[1:], 'first line'),
     (lambda lines: [lines[0].replace('"epoch"', '7'), *lines[1:]], 'line 1 has no unit')])
def test_a_damaged_timeline_ends_in_one_line(tmp_path, capsys, damage, printed):
    write_run(tmp_path)
    path = tmp_path / 'timeline.jsonl'
    path.write_text(''.join(damage(path.read_text().splitlines(keepends=True))))
    assert load_tool('report').main([str(tmp_path), '--samples', '0']) == 2
    error = capsys.readouterr().err
    assert error.startswith('report.py: error: work_dir = ') and 'Remedy: ' in error
    assert printed in error and error.count('\n') == 1


def test_a_last_line_that_a_kill_has_cut_off_does_no_harm(tmp_path):
    write_run(tmp_path)
    with open(tmp_path / 'timeline.jsonl', 'a') as file:
        file.write('{"kind": "pru')
    assert load_tool('report').main([str(tmp_path), '--samples', '0']) == 0
