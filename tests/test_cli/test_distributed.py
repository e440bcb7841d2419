"""Several processes, and the tools as a shell calls them."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_street import ROOT, load_tool

from mmst.engine.run import timeline
from mmst.lab.scenes import generate
from mmst.tickets import Ticket

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason='tests processes without a GPU')


def call(*command, **variables):
    """Run a tool with this interpreter; stdout and stderr are text."""
    env = dict(os.environ, PYTHON=sys.executable, OMP_NUM_THREADS='1', **variables)
    for name in ('LOCAL_RANK', 'RANK', 'WORLD_SIZE'):
        env.pop(name, None)
    return subprocess.run([str(word) for word in command], env=env, capture_output=True, text=True,
                          timeout=1200)


@pytest.fixture(scope='module')
def distributed(tmp_path_factory, config):
    """Work dir of a run on two processes."""
    work_dir = tmp_path_factory.mktemp('distributed')
    done = call(ROOT / 'tools' / 'dist_train.sh', config, 2, '--work-dir', work_dir,
                '--cfg-options', 'train_dataloader.batch_size=2', 'log_level=INFO')
    assert done.returncode == 0, done.stderr[-3000:]
    return work_dir, done.stdout + done.stderr


def test_two_processes_train_search_and_prune_to_the_exact_target(distributed):
    work_dir, log = distributed
    ticket = Ticket.load(work_dir / 'ticket.pth')
    assert ticket.mask.pruned == -(-ticket.mask.total // 2)
    assert 'Distributed training: True' in log and 'GPU number: 2' in log
    searches = [line for line in log.splitlines() if 'search at' in line and 'removed' in line]
    assert searches and 'channels' in searches[0] and 'removed nothing' not in searches[0]
    prunes = [line for line in log.splitlines() if 'prune at' in line]
    assert len(searches) == len(prunes) == 2  # only one process logs
    kinds = [entry['kind'] for entry in timeline.read(work_dir)[1]]
    assert kinds.count('search') == kinds.count('prune') == 2  # and writes the timeline


@pytest.mark.by_turns(5)
def test_one_process_under_the_launcher_trains_as_one_without_it(config, trained, tmp_path):
    done = call(ROOT / 'tools' / 'dist_train.sh', config, 1, '--work-dir', tmp_path,
                '--cfg-options', 'log_level=INFO')
    assert done.returncode == 0, done.stderr[-3000:]
    log = done.stdout + done.stderr
    assert 'Distributed training: True' in log and 'GPU number: 1' in log
    ticket, alone = (Ticket.load(folder / 'ticket.pth') for folder in (tmp_path, trained))
    assert ticket.mask.pruned == alone.mask.pruned == -(-ticket.mask.total // 2)
    assert {name: value.shape for name, value in ticket.state_dict.items()} == {
        name: value.shape for name, value in alone.state_dict.items()}


@pytest.mark.by_turns(5)
def test_the_p90_config_itself_trains_two_iterations_on_two_processes(tmp_path):
    """Full width; its data are generated and its crops small, as one epoch of two iterations."""
    data = generate('cityscapes', tmp_path / 'data', (64, 128), 4, 1).path
    done = call(
        ROOT / 'tools' / 'dist_train.sh', ROOT / 'configs' / 'st_hrnas_cityscapes_p90.py', 2,
        '--work-dir', tmp_path / 'work', '--cfg-options',
        f'train_dataloader.dataset.data_root={data}', f'val_dataloader.dataset.data_root={data}',
        'train_dataloader.batch_size=1', 'train_dataloader.num_workers=1',
        'val_dataloader.num_workers=1', 'train_dataloader.dataset.pipeline.3.crop_size=(64,128)',
        'val_dataloader.dataset.pipeline.1.scale=(128,64)', 'model.data_preprocessor.size=(64,128)',
        'train_cfg.max_epochs=1', 'param_scheduler.0.total_steps=1',
        'default_hooks.search.interval=1', 'default_hooks.search.warmup=1',
        'default_hooks.prune.interval=1', 'default_hooks.recalibrate.batches=1',
        'default_hooks.recalibrate.batch_size=2', 'default_hooks.logger.interval=1')
    assert done.returncode == 0, done.stderr[-3000:]
    log = done.stdout + done.stderr
    assert '[1][2/2]' in log and '[1][3/' not in log
    ticket = Ticket.load(tmp_path / 'work' / 'ticket.pth')
    assert ticket.mask.pruned == -(-ticket.mask.total * 9 // 10)
    assert ticket.mask.total > 13e6


@pytest.mark.by_turns(3)
def test_two_processes_evaluate_the_ticket_as_training_did(distributed, config, tmp_path):
    work_dir, _ = distributed
    out = tmp_path / 'metrics.json'
    done = call(ROOT / 'tools' / 'dist_test.sh', config, work_dir / 'ticket.pth', 2,
                '--work-dir', tmp_path, '--out', out)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('sparsity: ') == 1
    summary = json.loads((work_dir / 'ticket.json').read_text())
    assert json.loads(out.read_text()) == dict(summary['metrics'], sparsity=summary['sparsity'])


@pytest.mark.by_turns(5)
def test_error_on_two_processes_is_one_line_and_no_traceback(config, tmp_path):
    done = call(ROOT / 'tools' / 'dist_train.sh', config, 2, '--work-dir', tmp_path / 'wd',
                '--cfg-options', 'train_dataloader.dataset.data_root=/no/such/folder')
    assert done.returncode == 2
    assert done.stderr.count('train.py: error: ') == 1 and 'Traceback' not in done.stderr
    assert 'train_dataloader.dataset.data_root' in done.stderr
    assert not (tmp_path / 'wd').exists()


@pytest.mark.by_turns(5)
def test_the_command_runs_on_two_processes_without_a_script(config, tmp_path):
    """``mmst launch`` is torchrun, and ``-m mmst`` what it starts."""
    done = call(sys.executable, '-W', 'ignore', '-m', 'mmst', 'launch', '--nproc-per-node=2',
                '--rdzv-backend=c10d', '--rdzv-endpoint=127.0.0.1:0', '-m', 'mmst', 'train', config,
                '--launcher', 'pytorch', '--work-dir', tmp_path / 'wd', '--cfg-options',
                'train_dataloader.dataset.data_root=/no/such/folder')
    assert done.returncode == 2, done.stderr
    assert done.stderr.count('mmst train: error: ') == 1 and 'Traceback' not in done.stderr
    assert 'train_dataloader.dataset.data_root' in done.stderr
    assert not (tmp_path / 'wd').exists()


@pytest.mark.by_turns(3)
def test_error_of_a_tool_is_all_that_it_prints(config, tmp_path):
    done = call(sys.executable, ROOT / 'tools' / 'train.py', config, '--work-dir', tmp_path / 'wd',
                '--cfg-options', 'default_hooks.prune.interval=0')
    assert done.returncode == 2
    assert done.stderr.count('\n') == 1 and not done.stdout
    assert done.stderr.startswith('train.py: error: default_hooks.prune.interval = 0: ')
    assert not (tmp_path / 'wd').exists()


@pytest.mark.parametrize('script, needed', [
    ('dist_train.sh', 2), ('dist_test.sh', 3), ('slurm_train.sh', 4)])
def test_scripts_say_how_they_are_called(script, needed):
    done = call(ROOT / 'tools' / script, *['x'] * (needed - 1))
    assert done.returncode == 2 and done.stderr.startswith(f'usage: tools/{script} ')


def test_slurm_script_asks_for_the_processes_and_hands_the_arguments_on(tmp_path):
    """With a stand-in for srun that prints its arguments."""
    (tmp_path / 'srun').write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / 'srun').chmod(0o755)
    done = call(ROOT / 'tools' / 'slurm_train.sh', 'gpu', 'job', 'c.py', 'wd', '--amp',
                PATH=f'{tmp_path}:{os.environ["PATH"]}', GPUS='16', SRUN_ARGS='--mem=8G --qos=x')
    words = done.stdout.splitlines()
    assert words[:2] == ['-p', 'gpu'] and {'--ntasks=16', '--ntasks-per-node=8', '--mem=8G',
                                           '--qos=x', '--job-name=job'} <= set(words)
    assert words[-7:] == [str(Path(ROOT, 'tools', 'train.py')), 'c.py', '--work-dir', 'wd',
                          '--launcher', 'slurm', '--amp']


def test_slurm_processes_take_their_numbers_from_slurm(config, monkeypatch):
    for name, value in dict(SLURM_PROCID='3', SLURM_NTASKS='4', SLURM_LOCALID='1',
                            SLURM_NODELIST='node[1-2]', RANK='', WORLD_SIZE='',
                            LOCAL_RANK='').items():
        monkeypatch.setenv(name, value)
    tool = load_tool('train')
    cfg = tool.build_config(tool.parse_args([config, '--launcher', 'slurm']))
    assert cfg.launcher == 'slurm'
    assert [os.environ[n] for n in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')] == ['3', '4', '1']
