"""Pipes, devices, holes and links among the files of a work directory: none hangs or is written."""
import json
import os

import pytest
from limited import MB, limited

from mmst import files
from mmst.engine.run import run_record, timeline, work_dir, work_dir_lock
from mmst.engine.run.resume import find_checkpoint
from mmst.errors import MMSTError
from mmst.lab.report import logs
from mmst.lab.report.collect import collect

pytestmark = pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no pipes on this system')


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to('/dev/zero')


def hole(path):
    with open(path, 'wb') as file:
        file.truncate(2**40)


READERS = {
    timeline.FILE: lambda folder: (timeline.read(folder), timeline.find_damage(folder)),
    run_record.RECORD: work_dir.run_id, 'last_checkpoint': find_checkpoint,
    'ticket.json': collect, '20240101_120000/vis_data/scalars.json': logs.losses}


def reads(reader, folder):
    try:
        reader(folder)
    except MMSTError as error:
        return str(error)


@pytest.mark.parametrize('odd', [pipe, device, hole])
@pytest.mark.parametrize('name', READERS)
def test_files_that_never_end_or_hold_nothing_are_not_waited_for(tmp_path, name, odd):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    odd(path)
    limited(reads, READERS[name], tmp_path, seconds=10)


@pytest.mark.parametrize('name', [work_dir_lock.LOCK, timeline.FILE])
@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_files_of_others_are_not_written_through_links(tmp_path, name, link):
    """A lock is emptied and a timeline added to, in place."""
    precious, folder = tmp_path / 'precious', tmp_path / 'work'
    precious.write_text('mine\n')
    folder.mkdir()
    link(precious, folder / name)
    with pytest.raises(MMSTError, match='Remedy: '):
        if name == timeline.FILE:
            timeline.append(folder, [dict(kind='prune', step=1)])
        else:
            work_dir_lock.lock(folder)
    assert precious.read_text() == 'mine\n'


@pytest.mark.parametrize('name', ['epoch_1.pth', timeline.FILE, run_record.RECORD])
def test_files_of_others_are_not_replaced_through_links(tmp_path, name):
    precious, folder = tmp_path / 'precious', tmp_path / 'work'
    precious.write_text('mine\n')
    folder.mkdir()
    (folder / name).symlink_to(precious)
    if name == timeline.FILE:
        timeline.begin(folder, dict(kind='run', step=0), [])
    elif name == run_record.RECORD:
        run_record.write_record(folder, dict(run='x', config={}))
    else:
        files.AtomicBackend().put(b'new', folder / name)
    assert precious.read_text() == 'mine\n' and not (folder / name).is_symlink()


MANY = dict(lists=lambda: '[' + '[],' * 10**6 + '[]]', dictionaries=lambda: '{},' * 10**6,
            texts=lambda: '"ab",' * 10**6, nested=lambda: '[{"a":0}],' * 500_000,
            lines=lambda: '{"kind":"run","step":0}\n' * 300_000)


@pytest.mark.parametrize('name', MANY)
def test_texts_of_many_small_values_take_a_small_multiple_of_their_size(tmp_path, name):
    content = MANY[name]()
    event = content if name == 'lines' else '{"kind":"run","step":0,"x":[' + content + '0]}\n'
    (tmp_path / timeline.FILE).write_text(event)
    taken = limited(memory_of, tmp_path, memory=12 * len(event) + 48 * MB)
    assert taken < 10 * len(event) + 24 * MB


def memory_of(folder):
    """The most memory that reading the timeline has taken, in bytes."""
    def status(key):
        with open('/proc/self/status') as file:
            return int(next(line for line in file if line.startswith(key)).split()[1]) << 10

    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')
    before = status('VmHWM')
    timeline.read(folder), timeline.find_damage(folder)
    return status('VmHWM') - before


def test_a_long_runs_timeline_is_read(tmp_path):
    metrics = dict(mIoU=45.371, aAcc=80.125)
    event = dict(kind='evaluate', step=1, sparsity=0.5, at_target=False, metrics=metrics,
                 widths={f'backbone.stage.{i}': {'3': 96, '5': 0, '7': 12} for i in range(40)},
                 histogram=[0, 0, 12, 345] * 25)
    timeline.begin(tmp_path, dict(kind='run', step=0, unit='epoch', steps=2000), [event] * 2000)
    assert (tmp_path / timeline.FILE).stat().st_size > 4 * MB
    _, events = timeline.read(tmp_path)
    assert len(events) == 2000 and timeline.find_damage(tmp_path) is None


def test_a_text_that_is_no_text_or_too_long_is_refused(tmp_path):
    (tmp_path / 'x').write_bytes(b'\xff\xfe')
    (tmp_path / 'y').write_text(json.dumps('z' * 100))
    for name in 'xy':
        with pytest.raises(ValueError):
            files.read_text(tmp_path / name, 50)
    assert files.read_text(tmp_path / 'y') == json.dumps('z' * 100)


@pytest.mark.parametrize('name', ['run.py', 'ticket.json', '20240101_120000', 'tickets/a/b.log'])
def test_a_directory_with_links_that_lead_out_of_it_is_refused(tmp_path, name):
    """mmengine writes configs and logs through them."""
    folder, precious = tmp_path / 'work', tmp_path / 'precious'
    precious.mkdir()
    (folder / name).parent.mkdir(parents=True)
    (folder / name).symlink_to(precious)
    with pytest.raises(MMSTError, match=f'{name} is a link to .*precious.*Remedy: '):
        work_dir_lock.lock(folder)
    (folder / name).unlink()
    (folder / 'inside').symlink_to(folder)
    (folder / 'epoch_1.pth').symlink_to(precious)
    work_dir_lock.lock(folder)
    work_dir_lock.release(folder)
