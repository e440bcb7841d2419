"""Each tool has two doors, ``mmst NAME`` and tools/NAME.py, which understand the same."""
import contextlib
import os
import runpy
import shutil
import subprocess
import sys
import warnings

import pytest
from mmseg.models.builder import build_loss
from tiny_street import ROOT

from mmst.cli import main as command
from mmst.cli.main import SUBCOMMANDS, call, make_parser

#: Helpers of the Makefile and of the tools, which stand for themselves.
OTHERS = {'alone', '_door'}
TOOLS = sorted(path.stem for path in (ROOT / 'tools').glob('*.py') if path.stem not in OTHERS)


def run(*words, cwd, **variables):
    """A command as a shell calls it, with this interpreter's packages."""
    return subprocess.run([str(word) for word in words], cwd=cwd, capture_output=True, text=True,
                          env=dict(os.environ, PYTHONWARNINGS='ignore', **variables), timeout=300)


def test_every_tool_is_a_subcommand_and_the_other_way_round():
    assert set(TOOLS) == set(SUBCOMMANDS)


@pytest.mark.parametrize('name', TOOLS)
def test_the_overview_says_what_the_first_line_of_the_subcommand_says(name):
    if name == 'launch':
        from mmst.cli import launch
        assert launch.HELP.splitlines()[2] == SUBCOMMANDS[name]
    else:
        assert make_parser(name, name).description.splitlines()[0] == SUBCOMMANDS[name]


PROBE = """
import sys, time
from mmst.cli.main import main
for words in {calls}:
    try:
        code = main(words)
    except SystemExit as ended:
        code = ended.code
    assert code == {code}, (words, code)
heavy = {{'torch', 'mmengine', 'mmcv', 'cv2'}} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize('words, code', [
    (('--help', ), 0), (('--bogus', ), 2), ((), 2),
    (('a', 'b', '--cfg-options', 'no assignment'), 2)], ids=['help', 'unknown', 'missing', 'words'])
def test_help_and_errors_in_arguments_come_at_once_without_torch(words, code, tmp_path):
    names = sorted(set(SUBCOMMANDS) - {'launch'} if code else SUBCOMMANDS)
    if not words:  # these need no argument
        names = [name for name in names if name not in ('demo', 'metafiles')]
    calls = [[name, *words] for name in names]
    done = run(sys.executable, '-c', PROBE.format(calls=calls, code=code), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    if code:
        assert done.stderr.count(': error: ') == done.stderr.count('\n') == len(names), done.stderr


@pytest.mark.parametrize('name', ['train', 'chance', 'retrain'])
def test_a_config_that_is_not_there_is_reported_without_torch(name, tmp_path):
    done = run(sys.executable, '-c', PROBE.format(calls=[[name, 'nowhere.py']], code=2),
               cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    line, = done.stderr.splitlines()
    assert line.startswith(f"mmst {name}: error: CONFIG = 'nowhere.py': no such file. Remedy: ")


def test_arguments_name_the_data_that_can_be_generated_and_the_demos():
    from mmst.cli.arguments import demo, generate_data
    from mmst.cli.demo import DEMOS
    from mmst.lab.scenes import DATASETS
    assert set(generate_data.DATASETS) == set(DATASETS)
    assert set(demo.DEMOS) == set(DEMOS)


@pytest.mark.parametrize('name', TOOLS)
def test_a_tool_is_a_script_that_calls_its_subcommand(name):
    path = ROOT / 'tools' / f'{name}.py'
    lines = path.read_text().splitlines()
    assert os.access(path, os.X_OK) and lines[0] == '#!/usr/bin/env python3'
    assert lines[-1].strip() == f"enter('{name}')"


def test_a_tool_runs_where_another_script_runs_it(capsys):
    """As runpy does it, for mim and for schedulers: the tools' folder is not on the path then."""
    with pytest.raises(SystemExit) as ended, patched_words('generate_data.py', '--help'):
        runpy.run_path(str(ROOT / 'tools/generate_data.py'), run_name='__main__')
    assert ended.value.code == 0 and '--replace' in capsys.readouterr().out


@contextlib.contextmanager
def patched_words(*words):
    """Another command line, and the path of before afterwards."""
    before = sys.argv, list(sys.path)
    sys.argv = list(words)
    try:
        yield
    finally:
        sys.argv, sys.path[:] = before


def options(text):
    """Return the list in a help, without the name that it begins with."""
    return text.partition('\n\n')[2]


def test_both_doors_list_the_same_options_from_any_folder(tmp_path):
    doors = [[ROOT / 'tools/generate_data.py'], ['-m', 'mmst', 'generate-data']]
    printed = [run(sys.executable, *door, '--help', cwd=tmp_path) for door in doors]
    assert [done.returncode for done in printed] == [0, 0], printed
    assert len({options(done.stdout) for done in printed}) == 1
    assert '--replace' in printed[0].stdout
    assert [done.stdout.split('[')[0].strip() for done in printed] == [
        'usage: generate_data.py', 'usage: mmst generate-data']


@pytest.mark.parametrize('name', sorted(set(TOOLS) - {'launch'}))
def test_the_doors_of_every_tool_have_one_parser(name, capsys):
    """``tools/NAME.py`` and ``mmst NAME`` give different names to messages, and nothing else."""
    helps = []
    for door in (lambda: call(name, ['--help'], f'{name}.py'),
                 lambda: command.main([name, '--help']), lambda: command.main(['help', name])):
        with pytest.raises(SystemExit) as ended:
            door()
        assert ended.value.code == 0
        helps.append(capsys.readouterr().out)
    assert helps[1] == helps[2] and helps[1].startswith(f'usage: mmst {name} ')
    assert helps[0].startswith(f'usage: {name}.py ')
    assert options(helps[0]) == options(helps[1])


@pytest.mark.by_turns(3)
def test_an_error_of_the_command_is_one_line_that_names_it(config, tmp_path):
    failed = run(sys.executable, '-m', 'mmst', 'train', config, '--work-dir', 'other',
                 '--cfg-options', 'default_hooks.prune.interval=0', cwd=tmp_path)
    assert failed.returncode == 2 and failed.stderr.count('\n') == 1 and not failed.stdout
    assert failed.stderr.startswith('mmst train: error: default_hooks.prune.interval = 0: ')
    assert not (tmp_path / 'other').exists()


# ---------------------------------------------------------------------------- the command itself


def test_the_overview_lists_all_subcommands(capsys):
    for words in ([], ['--help'], ['-h'], ['help']):
        assert command.main(words) == 0
        printed = capsys.readouterr().out
        assert all(f'\n  {name} ' in printed for name in SUBCOMMANDS)


def test_the_version_is_that_of_the_package(capsys):
    import mmst
    assert command.main(['--version']) == 0
    assert capsys.readouterr().out == f'mmst {mmst.__version__}\n'


@pytest.mark.parametrize('word, meant', [
    ('trian', 'train'), ('retrian', 'retrain'), ('reprot', 'report'), ('visualise', 'visualize'),
    ('generatedata', 'generate_data')])
def test_a_misspelt_subcommand_is_refused_with_the_one_that_is_meant(word, meant, capsys):
    assert command.main([word, 'config.py']) == 2
    err = capsys.readouterr().err
    assert err.count('\n') == 1 and repr(word) in err and f'did you mean {meant}?' in err


@pytest.mark.parametrize('word', ['xyzzy', 'main', 'ending', '__init__', '--bogus', ''])
def test_what_is_no_subcommand_is_refused_in_one_line(word, capsys):
    assert command.main([word]) == 2
    err = capsys.readouterr().err
    assert err.count('\n') == 1 and 'mmst --help lists them' in err
    assert command.main(['help', word]) == 2
    assert capsys.readouterr().err == err


# ------------------------------------------------------------------------- where mmst is missing


@pytest.fixture
def bare(tmp_path):
    """An interpreter without any package, and a checkout's tools."""
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', tmp_path / 'venv'], check=True)
    shutil.copytree(ROOT / 'tools', tmp_path / 'tools')
    return tmp_path / 'venv/bin/python'


def test_a_tool_says_what_to_activate_where_mmst_is_not_installed(bare, tmp_path):
    for name in ('train', 'generate_data'):
        done = run(bare, tmp_path / 'tools' / f'{name}.py', 'x', cwd=tmp_path, PYTHONPATH='')
        assert done.returncode == 2 and not done.stdout
        line, = done.stderr.splitlines()
        assert line.startswith(f'{name}.py: error: mmst is not installed in this Python (')
        assert str(bare) in line and '. .venv/bin/activate, or make setup' in line


def test_the_command_says_what_to_activate_where_torch_is_not_installed(bare, tmp_path):
    (tmp_path / 'x.py').touch()
    done = run(bare, '-m', 'mmst', 'train', 'x.py', cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 2, done.stderr
    line, = done.stderr.splitlines()
    assert 'is not installed in this Python (' in line and '. .venv/bin/activate' in line
    assert 'torch is' in line or 'numpy is' in line or 'mmengine is' in line
    for words in (['--help'], ['train', '--help']):
        helped = run(bare, '-m', 'mmst', *words, cwd=tmp_path, PYTHONPATH=str(ROOT))
        assert helped.returncode == 0 and 'train' in helped.stdout


def test_a_defect_is_no_missing_package():
    assert command.what_is_missing(ModuleNotFoundError('no', name='mmst.nowhere')) is None
    assert command.what_is_missing(ImportError('cannot import name')) is None
    assert 'pip install mmcv-lite' in command.what_is_missing(
        ImportError('mmst needs mmcv. Remedy: pip install mmcv-lite'))


# -------------------------------------------------------------------------- configs by their name


@pytest.mark.parametrize('name', [
    'st_hrnas_cityscapes_p90.py', 'configs/st_hrnas_cityscapes_p90.py',
    'mmst::st_hrnas_cityscapes_p90.py', 'demo/st_hrnas_coco_p90_demo.py'])
def test_a_config_that_is_not_in_the_folder_is_the_one_that_mmst_brings(name, tmp_path,
                                                                        monkeypatch, capfd):
    from mmst.settings.config_path import config_name, find_config
    monkeypatch.chdir(tmp_path)
    found = find_config(name)
    assert os.path.samefile(found, ROOT / 'configs' / name.removeprefix('mmst::').removeprefix(
        'configs/'))
    err = capfd.readouterr().err
    assert err.count('\n') == (0 if name.startswith('mmst::') else 1) and (not err or found in err)
    assert config_name(name) in ('st_hrnas_cityscapes_p90', 'st_hrnas_coco_p90_demo')


def test_a_config_in_the_folder_comes_first(tmp_path, monkeypatch, capfd):
    from mmst.settings.config_path import find_config
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'st_hrnas_cityscapes_p90.py').touch()
    assert find_config('st_hrnas_cityscapes_p90.py') == 'st_hrnas_cityscapes_p90.py'
    assert not capfd.readouterr().err


@pytest.mark.parametrize('name', [
    'st_hrnas_citiscapes_p90.py', 'configs/st_hrnas_citiscapes_p90.py', '../setup.py',
    'mmst::../../cli/main.py', '/st_hrnas_citiscapes_p90.py', ''])
def test_a_config_that_is_nowhere_is_refused_with_a_near_name(name, tmp_path, monkeypatch):
    from mmst.errors import ConfigError
    from mmst.settings.config_path import find_config
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r'^CONFIG = .*: no such file. Remedy: .*configs/') as got:
        find_config(name)
    if 'citiscapes' in name:
        assert 'configs/st_hrnas_cityscapes_p90.py' in str(got.value)


def test_warnings_of_the_toolboxes_own_code_are_not_shown():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter('always')
        command.load('cost')
        before = len(seen)
        build_loss(dict(type='CrossEntropyLoss'))
        warnings.warn('something else', stacklevel=1)
    assert [str(warning.message) for warning in seen[before:]] == ['something else']
