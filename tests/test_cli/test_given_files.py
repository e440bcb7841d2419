"""Files that the command line names are looked for before anything heavy is imported."""
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mmst.cli import main as command
from mmst.cli.given_files import FILES, check_given_files
from mmst.cli.given_outputs import check_given_outputs
from mmst.cli.main import SUBCOMMANDS, make_parser
from mmst.errors import ConfigError

WORDS = {
    'test': ['config.py', 'none.pth'], 'prune': ['config.py', 'none.pth'],
    'retrain': ['config.py', 'none.pth'], 'transfer': ['config.py', 'none.pth'],
    'lottery': ['config.py', 'none.pth', 'rp'], 'cost': ['none.pth'], 'compact': ['none.pth'],
    'export': ['none.pth', '--format', 'onnx'], 'share': ['none.pth', '-o', 'out'],
    'seal': ['none.pth', '-o', 'out.pth'], 'profile': ['none.pth'],
    'accelerator': ['ticket.pth', 'none.pth'],
    'visualize': ['config.py', 'none.pth', '-o', 'out'], 'curves': ['none.json']}
MORE = [('retrain', ['config.py', '--from-checkpoint', 'none.pth']),
        ('transfer', ['config.py', 'ticket.pth', '--neck-ticket', 'none.pth'])]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ('config.py', 'ticket.pth'):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def light(monkeypatch):
    """No subcommand may be imported."""
    monkeypatch.setattr(command, 'load', lambda name: pytest.fail(f'{name} was imported'))


@pytest.mark.parametrize('name, words', [*WORDS.items(), *MORE])
def test_a_missing_file_is_named_before_the_subcommand_is_imported(folder, light, capsys, name,
                                                                  words):
    before = set(folder.iterdir())
    assert command.main([name, *words]) == 2
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith(f'mmst {name}: error: ') and "none." in line
    assert 'no such file' in line and 'Remedy: ' in line and set(folder.iterdir()) == before


def test_a_report_of_no_folder_is_refused_before_the_subcommand_is_imported(folder, light, capsys):
    for path, problem in (('none', 'no such folder'), ('ticket.pth', 'this is a file')):
        assert command.main(['report', path]) == 2
        line, = capsys.readouterr().err.splitlines()
        assert path in line and problem in line and 'Remedy: ' in line


def test_a_file_of_a_similar_name_is_proposed_wherever_it_lies(tmp_path):
    folder = tmp_path / 'a_long_path_that_all_names_share'
    folder.mkdir()
    for name in ('epoch_20.pth', 'ticket.pth'):
        (folder / name).touch()
    for given in ('tickt.pth', 'other.onnx'):
        with pytest.raises(ConfigError, match=r'e\.g\. .*/ticket\.pth\.$'):
            check_given_files(SimpleNamespace(ticket=str(folder / given)))
    (folder / 'ticket.pth').unlink()
    with pytest.raises(ConfigError, match=r'a ticket\.pth\.$'):
        check_given_files(SimpleNamespace(ticket=str(folder / 'tickt.pth')))


def test_no_subcommand_that_reads_such_a_file_is_left_out():
    reading = {name for name in SUBCOMMANDS if name != 'launch' and any(
        action.dest in FILES for action in make_parser(name, name)._actions)}
    assert reading == set(WORDS)


def test_a_similar_name_and_the_ticket_of_a_folder_are_proposed(folder, capsys):
    with pytest.raises(ConfigError, match=r'no such file.*e\.g\. tikcet\.pth'):
        (folder / 'ticket.pth').rename(folder / 'tikcet.pth')
        check_given_files(SimpleNamespace(ticket='ticket.pth'))
    (folder / 'work').mkdir()
    (folder / 'work' / 'ticket.pth').touch()
    with pytest.raises(ConfigError, match=r'this is a folder.*e\.g\. work/ticket\.pth'):
        check_given_files(SimpleNamespace(tickets=['work']))


def test_addresses_and_configs_are_left_to_their_readers(folder):
    check_given_files(SimpleNamespace(checkpoint='https://example.org/x.pth', file='none.py'))


def test_the_answer_does_not_wait_for_torch(folder):
    code = ("import sys; from mmst.cli.main import main; end = main(['cost', 'none.pth']); "
            "sys.exit(0 if end == 2 and not {'torch', 'mmengine'} & set(sys.modules) else 1)")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_study_that_is_none_is_refused_with_one_of_a_similar_name(folder, light, capsys):
    assert command.main(['study', 'tabel1']) == 2
    line, = capsys.readouterr().err.splitlines()
    assert 'no such file' in line and 'e.g. table1' in line
    check_given_files(SimpleNamespace(study='fig2'))
    check_given_files(SimpleNamespace(study='config.py'))


@pytest.mark.parametrize('words, problem', [
    (['metafiles', '--root', 'none'], 'no such folder'),
    (['metafiles', '--root', 'config.py'], 'this is no folder'),
    (['study', 'table1', '--table', '--records', 'config.py'], 'this is no folder')])
def test_a_folder_that_is_none_is_refused_and_not_made(folder, light, capsys, words, problem):
    assert command.main(words) == 2
    line, = capsys.readouterr().err.splitlines()
    assert problem in line and 'Remedy: ' in line
    assert not (folder / 'none').exists()


def test_records_may_be_a_folder_that_is_to_be_made(folder):
    check_given_files(SimpleNamespace(records=folder / 'new', root=folder))


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='this system has no /proc')
@pytest.mark.parametrize('name, words', [('demo', []), ('study', ['table1', '--size', 'demo'])])
def test_where_no_folder_can_be_made_a_demo_and_a_study_are_refused(light, monkeypatch, capsys,
                                                                   name, words):
    monkeypatch.chdir('/proc/self')
    assert command.main([name, *words]) == 2
    line, = capsys.readouterr().err.splitlines()
    assert 'nothing can be written in /proc/' in line and 'Remedy: ' in line


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='this system has no /proc')
def test_a_study_writes_nothing_where_it_lists_its_runs(monkeypatch):
    monkeypatch.chdir('/proc/self')
    check_given_outputs(*_read('study', 'table1', '--dry-run'))


def _read(name, *words):
    parser = make_parser(name, f'mmst {name}')
    return parser.parse_args(words), parser
