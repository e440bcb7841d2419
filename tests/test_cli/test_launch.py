"""``mmst launch`` passes its arguments to torchrun, and refuses wrong ones in one line."""
import pytest

from mmst.cli.launch import main


@pytest.mark.parametrize('words, problem', [
    (['--no-such-flag', 'xx'], '--no-such-flag'), ([], 'training_script'),
    (['--nproc-per-node'], 'expected one argument')])
def test_a_wrong_argument_is_refused_in_one_line(words, problem, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    line, = captured.err.splitlines()
    assert line.startswith('mmst launch: error: ') and problem in line and not captured.out


@pytest.mark.parametrize('content, problem', [
    (b'\x89PNG\r\n\x1a\n', 'codec'), (b'model = dict(\n', 'was never closed'),
    (b'x = 1\0', 'null bytes'), (b'[' * 10**5, 'nested')])
def test_a_script_that_is_no_python_is_refused_before_a_process_starts(tmp_path, capsys, content,
                                                                       problem):
    (tmp_path / 'script.py').write_bytes(content)
    assert main([str(tmp_path / 'script.py')]) == 2
    line, = capsys.readouterr().err.splitlines()
    assert 'script.py is no Python script' in line and problem in line and '--no-python' in line


def test_a_module_that_is_not_there_is_refused_before_a_process_starts(capsys):
    assert main(['-m', 'no_such_module.part']) == 2
    line, = capsys.readouterr().err.splitlines()
    assert 'no module no_such_module.part' in line
