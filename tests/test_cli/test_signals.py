"""Tools in a process group that is asked to end, data loading workers included."""
import os
import signal
import subprocess
import sys
import time

import pytest
from mmengine.config import Config
from tiny_street import ROOT


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('number, code', [(signal.SIGTERM, 143)])
def test_the_group_ends_with_a_checkpoint_one_line_and_nobody_left(tmp_path, config, number, code):
    cfg = Config.fromfile(config)
    cfg.merge_from_dict({
        'train_cfg.max_epochs': 400, 'param_scheduler.0.total_steps': 400, 'log_level': 'INFO',
        'train_dataloader.num_workers': 2, 'default_hooks.logger.interval': 1,
        'default_hooks.checkpoint.interval': 400, 'train_cfg.val_interval': 400,
        'default_hooks.search.interval': 400, 'default_hooks.prune.interval': 400})
    cfg.dump(tmp_path / 'long.py')
    process = subprocess.Popen(
        [sys.executable, '-W', 'ignore', str(ROOT / 'tools/train.py'), str(tmp_path / 'long.py'),
         '--work-dir', str(tmp_path / 'work')], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True)
    assert any('Epoch(train)' in line for line in iter(process.stdout.readline, ''))
    os.killpg(process.pid, number)
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == code, printed
    line, = [line for line in printed.splitlines() if 'Warning' not in line and line[:1] != ' ']
    assert line.startswith(f'{signal.Signals(number).name}: ') and '--resume' in line
    assert list((tmp_path / 'work').glob('epoch_*_iter_*.pth'))
    time.sleep(0.5)
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('number, code', [(signal.SIGTERM, 143)])
def test_a_rehearsal_that_is_ended_leaves_nothing(tmp_path, config, number, code):
    scratch = tmp_path / 'scratch'
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, '-W', 'ignore', '-m', 'mmst', 'train', config, '--work-dir',
         str(tmp_path / 'work')], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ, TMPDIR=str(scratch)))
    while not list(scratch.glob('mmst_rehearsal_*')) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == code, printed
    assert printed.splitlines()[-1] == f'mmst train: ended by {signal.Signals(number).name}'
    assert not list(scratch.glob('mmst_rehearsal_*')) and not (tmp_path / 'work').exists()
