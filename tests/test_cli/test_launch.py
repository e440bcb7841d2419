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
