"""mmst profile: a table of a config or a ticket, and what it says of a ticket."""
import json
import re
import sys

import pytest
import torch
from calm_tables import measure_by
from mmengine.logging import MMLogger, print_log
from sparse_nets import needs_kernel
from tiny_street import load_tool

from mmst.deploy.compact import compact
from mmst.deploy.open import open_ticket

FEW = ['--networks', '12', '--checked', '1']


def tool(*args):
    return load_tool('profile').main([str(arg) for arg in args])


@pytest.fixture(scope='module')
def table(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp('profile') / 'table.json'
    measure_by(tool, trained / 'ticket.pth', '-o', out, *FEW)
    return out


@pytest.mark.by_turns(3)
@needs_kernel
def test_a_ticket_is_timed_and_predicted_by_a_table_of_its_supernet(trained, table, capsys):
    content = json.loads(table.read_text())
    assert content['engine'] == 'sparse' and content['check']['networks'] == 1
    assert content['machine']['processor'] and 'backbone.stem' in content['modules']
    assert tool(trained / 'ticket.pth', '--table', table, '--rounds', '1') == 0
    *_, line = capsys.readouterr().out.splitlines()
    assert re.search(r'ticket.pth: \S+ ms predicted, \S+ ms measured \([+-]\S+%\)$', line)


@needs_kernel
def test_the_networks_that_are_timed_have_no_line_of_the_log_each(trained, tmp_path, caplog):
    MMLogger.get_instance('before').addHandler(caplog.handler)
    print_log('a line', 'current')  # loggers remember the levels that they have let pass
    measure_by(tool, trained / 'ticket.pth', '-o', tmp_path / 'table.json', *FEW)
    lines = [record.getMessage() for record in caplog.records]
    assert 'a line' in lines and not any('Sparse inference' in line for line in lines)


@needs_kernel
def test_a_table_of_another_machine_gives_a_warning(trained, table, tmp_path, capsys):
    content = json.loads(table.read_text())
    content['machine']['processor'] = 'a pocket calculator'
    (tmp_path / 'other.json').write_text(json.dumps(content))
    assert tool(trained / 'ticket.pth', '--table', tmp_path / 'other.json', '--rounds', '1') == 0
    assert "processor 'a pocket calculator' instead of" in capsys.readouterr().out


@needs_kernel
def test_a_table_of_the_c_library_predicts_and_measures_where_its_command_is_given(
        trained, table, tmp_path, capsys):
    content = json.loads(table.read_text())
    content['machine'].update(device='c', processor='ssh pi ./timing')
    (tmp_path / 'pi.json').write_text(json.dumps(content))
    words = [trained / 'ticket.pth', '--table', tmp_path / 'pi.json', '--rounds', '2']
    assert tool(*words) == 0
    assert re.search(r'ticket.pth: \S+ ms predicted$', capsys.readouterr().out.splitlines()[-1])
    timing = tmp_path / 'timing.py'  # two calls of 7 ms
    timing.write_text('import sys\nassert sys.argv[1:] == ["32", "64", "1", "2"]\n'
                      'assert sys.stdin.buffer.read(4)\nprint(7, 7)')
    assert tool(*words, '--device', f'c:{sys.executable} {timing}') == 0
    *_, warning, line = capsys.readouterr().out.splitlines()
    assert "processor 'ssh pi ./timing' instead of" in warning and ' 7 ms measured' in line


def test_a_place_that_is_not_here_is_refused_before_anything_is_measured(trained, capsys, tmp_path):
    for device in ('tpu', 'c:', *(() if torch.cuda.is_available() else ('cuda',))):
        assert tool(trained / 'ticket.pth', '-o', tmp_path / 'x.json', '--device', device) == 2
        line, = capsys.readouterr().err.splitlines()
        assert f"--device = '{device}'" in line and 'Remedy: ' in line


@needs_kernel
@pytest.mark.parametrize('words, printed', [
    (['--shape', '8', '8'], '--table = .*8x8 is asked for'),
    (['--out', 'x.json'], '--out = .*omit it'),
    (['--threads', '5'], '--threads = 5: the table is of 1'),
    (['--rounds', '-3'], '--rounds = -3'), (['--networks', '20'], '--networks = 20: no table'),
    (['--seed', '9'], '--seed = 9: no table'),
    (['--device', 'torch'], "--device = 'torch': the table is of sparse"),
    (['--table', 'none.json'], '--table = .*no such file')])
def test_what_cannot_be_is_refused_in_one_line(trained, table, capsys, words, printed):
    assert tool(trained / 'ticket.pth', '--table', table, *words) == 2
    line, = capsys.readouterr().err.splitlines()
    assert re.search(f'profile.py: error: {printed}', line) and 'Remedy: ' in line


def test_numbers_that_make_no_sense_and_tables_for_a_config_are_refused(trained, tmp_path, capsys):
    for words, printed in ((['--networks', '3'], '--networks = 3'), (['--rounds', '0'], '--rounds'),
                        (['--threads', '0'], '--threads = 0'), (['--shape', '0'], '--shape')):
        assert tool(trained / 'ticket.pth', '-o', tmp_path / 'x.json', *words) == 2
        assert printed in capsys.readouterr().err
    assert tool('st_hrnas_cityscapes_p90.py', '--table', 'x.json') == 2
    assert 'there is no ticket' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_compact_ticket_is_refused(trained, tmp_path, capsys):
    compact(open_ticket(str(trained / 'ticket.pth'))).save(tmp_path / 'compact.pth')
    assert tool(tmp_path / 'compact.pth', *FEW) == 2
    assert 'it is compact' in capsys.readouterr().err
