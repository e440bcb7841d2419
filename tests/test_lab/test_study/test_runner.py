"""A study runs what is needed once, goes on after a kill, and can be continued elsewhere."""
import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from mmst.errors import ConfigError, TrainingError
from mmst.lab.study.jobs import _base


def record(name, seed=0, folder='work/records'):
    return json.loads(Path(folder, f'{name}-seed{seed}.json').read_text())


def test_every_run_is_done_once_and_in_order(folder, study):
    study()
    for seed in (0, 1):
        assert all(study.calls(f'd.{name}', seed) == 1
                   for name in ('dense', 'search', 'sp_p90', 'sp_p90_rt'))
    assert study.calls('d.chance') == 1 and study.calls('d.chance', 1) == 0
    assert study.calls('d.fails') == 0  # no row needs it
    found = record('d.sp_p90', 1)
    assert found['metrics'] == dict(mIoU=9) and found['seed'] == 1 and found['size'] == 'size'
    assert found['command'].startswith('tools/prune.py config.py work/d.search/seed1/ticket.pth')
    assert str(folder) not in found['command']
    study()
    assert study.calls('d.sp_p90_rt') == 1


def wait_for(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_running(stat):
    return stat.is_file() and stat.read_text().rpartition(')')[2].split()[0] != 'Z'


def test_a_killed_study_goes_on_without_repeating_anything(folder, study):
    Path('work/d.dense/seed0').mkdir(parents=True)
    Path('work/d.dense/seed0/epochs.txt').write_text('0 1 2 ')  # past the point of waiting
    Path('work/d.chance/seed0').mkdir(parents=True)
    Path('work/d.chance/seed0/epochs.txt').write_text('0 1 2 ')
    Path('hold').touch()
    first = multiprocessing.get_context('fork').Process(target=study, args=('--seeds', '0'))
    first.start()
    half = Path('work/d.search/seed0/epochs.txt')
    wait_for(lambda: half.is_file() and half.read_text() == '0 1 ')
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    tool = Path('/proc', Path('work/d.search/seed0/pid.txt').read_text(), 'stat')
    wait_for(lambda: not is_running(tool))  # it has died with the study
    Path('hold').unlink()
    assert half.read_text() == '0 1 '
    before = Path('work/records/d.dense-seed0.json').stat().st_mtime_ns
    study('--seeds', '0')
    assert half.read_text().split() == ['0', '1', '2', '3'] and study.calls('d.search') == 2
    assert study.calls('d.dense') == 1
    assert Path('work/records/d.dense-seed0.json').stat().st_mtime_ns == before
    assert record('d.sp_p90_rt')['metrics'] == dict(mIoU=11)


def test_a_run_that_had_ended_before_the_kill_is_only_recorded(folder, study):
    study('--seeds', 0, '--only', 'd.search')
    Path('work/records/d.search-seed0.json').unlink()
    study('--seeds', 0, '--only', 'd.search')
    assert study.calls('d.search') == 1 and record('d.search')['seconds'] is None


def test_with_the_records_alone_nothing_is_repeated_that_nobody_needs(folder, study):
    study('--seeds', 0, '--records', 'kept')
    shutil.rmtree('work')
    Path('kept/d.sp_p90_rt-seed0.json').unlink()
    study('--seeds', 0, '--records', 'kept')
    done = {name: study.calls(f'd.{name}') for name in ('dense', 'search', 'sp_p90', 'sp_p90_rt')}
    assert done == dict(dense=0, search=1, sp_p90=1, sp_p90_rt=1)


@pytest.mark.parametrize('change', ['settings', 'needed', 'file'])
def test_a_record_of_other_settings_is_refused_or_the_run_repeated(folder, study, change):
    study('--seeds', 0)
    if change == 'settings':
        text = Path('config.py').read_text().replace('lr=0.1', 'lr=0.2')
        Path('config.py').write_text(text)
    elif change == 'needed':
        Path('study.py').write_text(Path('study.py').read_text().replace(
            'dict(name=\'d.search\', tool=\'train\')',
            'dict(name=\'d.search\', tool=\'train\', options={\'a.b\': 1})'))
    else:
        Path('work/records/d.search-seed0.json').write_text('{"run": ')
    _base.cache_clear()
    with pytest.raises(ConfigError, match=r'Remedy: .*(rerun-changed|remove it)'):
        study('--seeds', 0)
    study('--seeds', 0, '--rerun-changed')
    repeated = {name: study.calls(f'd.{name}') for name in ('dense', 'search', 'sp_p90')}
    assert record('d.search')['metrics'] == dict(mIoU=8)
    if change != 'file':  # folders of the repeated runs were made again
        assert repeated == dict(dense=1, search=1, sp_p90=1)
    study('--seeds', 0)


def test_a_run_begins_with_the_recorded_result_of_another_one_or_not_at_all(folder, study):
    study('--seeds', 0)
    assert record('d.sp_p90')['began_with'] == dict(
        ticket=dict(run='d.search', metrics=record('d.search')['metrics']))
    assert record('d.search')['began_with'] == {}
    Path('work/records/d.sp_p90-seed0.json').unlink()
    result = Path('work/d.search/seed0/ticket.json')
    kept = result.read_text()
    result.write_text(json.dumps(dict(json.loads(kept), metrics=dict(mIoU=7))))
    with pytest.raises(ConfigError, match=r'another result of d.search-seed0 .*Remedy: '):
        study('--seeds', 0)
    for words in ('--table', '--dry-run'):  # which begin no run
        with contextlib.suppress(TrainingError):
            study('--seeds', 0, words)
    result.write_text(kept)
    study('--seeds', 0)
    assert study.calls('d.search') == 1 and record('d.sp_p90')


def test_where_data_lie_and_how_many_workers_load_them_is_no_other_setting(folder, study):
    study('--seeds', 0)
    text = Path('config.py').read_text().replace('nowhere/', '/else/where/').replace(
        'num_workers=2', 'num_workers=0')
    Path('config.py').write_text(text)
    _base.cache_clear()
    study('--seeds', 0, '--cfg-options', 'train_dataloader.dataset.data_root=/third')
    assert study.calls('d.dense') == 1


def test_what_fails_is_reported_and_the_rest_is_done(folder, study):
    text = Path('study.py').read_text().replace(
        'claims =', 'sections[0][\'rows\'] += [dict(label=\'n\', run=\'d.needs_it\')]\nclaims =')
    Path('study.py').write_text(text)
    with pytest.raises(TrainingError, match=r'2 of 7 runs are missing; d.fails.*it cannot'):
        study('--seeds', 0)
    assert record('d.sp_p90_rt') and not Path('work/records/d.needs_it-seed0.json').exists()
    assert 'S+P, retrained' in Path('work/tables/study.md').read_text()


def test_runs_side_by_side_get_a_gpu_each(folder, study, monkeypatch):
    monkeypatch.setattr('mmst.lab.study.devices.gpus', lambda: ['3', '5'])
    study('--only', 'd.dense')
    used = {Path(f'work/d.dense/seed{seed}/calls.txt').read_text().strip() for seed in (0, 1)}
    assert used == {'3', '5'}


def test_only_some_rows(folder, study):
    study('--seeds', 0, '--only', 'd.sp_p90')
    assert study.calls('d.search') == 1 and study.calls('d.dense') == 0
    with pytest.raises(ConfigError, match=r'--only = \'d.nothing\''):
        study('--only', 'd.nothing')
