"""A training's lines go to a file, its progress to the screen."""
import io
import sys

from rich.console import Console

from mmst.lab.demo.watch import Watcher, run_watched

LOG = """\
11/29 01:42:44 - mmengine - INFO - Config: a thousand lines
11/29 01:42:44 - mmengine - INFO - Epoch(train)  [1][20/20]  lr: 2.8e-03  eta: 0:02:58  loss: 8.8
11/29 01:42:45 - mmengine - INFO - Epoch(train)  [2][20/20]  lr: 2.8e-03  eta: 0:02:58  loss: 8.8
11/29 01:42:45 - mmengine - INFO - epoch 2 of 4: search, prune
units left (removed)
sparsity: reached 40.00%, due 40.00%, target 90.00%; weights reactivated: none
11/29 01:42:46 - mmengine - INFO - Epoch(train)  [4][20/20]  lr: 2.8e-03  eta: 0:02:58  loss: 8.8
11/29 01:45:58 - mmengine - INFO - Epoch(val) [4][40/40]    aAcc: 68.0700  mIoU: 46.7700  mAcc: 1
"""


def _screen(terminal=False):
    return Console(file=io.StringIO(), force_terminal=terminal, width=90)


def _run(tmp_path, program, console=None):
    console = console or _screen()
    code = run_watched([sys.executable, '-c', program], tmp_path / 'deep/run.log',
                       Watcher(4, 'mIoU', console))
    return code, console.file.getvalue(), (tmp_path / 'deep/run.log').read_text()


def test_the_screen_shows_events_and_scores_and_the_file_holds_everything(tmp_path):
    code, screen, log = _run(tmp_path, f'print({LOG!r}, end="")')
    assert code == 0
    assert log == LOG
    assert screen.splitlines() == [
        '20% of the training', '50% of the training',
        'epoch   2: search, prune (40.00% of the weights are zero)', '100% of the training',
        'epoch   4: evaluation, mIoU: 46.7700']


def test_a_terminal_gets_a_bar_with_the_time_left(tmp_path):
    _, screen, _ = _run(tmp_path, f'print({LOG!r}, end="")', _screen(terminal=True))
    assert 'left' in screen
    assert '100%' in screen
    assert 'Config' not in screen


def test_the_exit_code_of_the_training_comes_back(tmp_path):
    code, screen, log = _run(tmp_path, 'import sys; print("last words"); sys.exit(7)')
    assert (code, screen, log) == (7, '', 'last words\n')


def test_lines_that_are_no_text_do_not_stop_the_training(tmp_path):
    code, _, log = _run(tmp_path, 'import os; os.write(1, b"\\xff\\n"); print("end")')
    assert code == 0
    assert log.endswith('end\n')


def test_a_longer_log_is_added_to_one_of_a_run_that_was_stopped(tmp_path):
    _run(tmp_path, 'print("first")')
    assert _run(tmp_path, 'print("second")')[2] == 'first\nsecond\n'
