"""A disk that is full, or a limit that is reached, while a run writes: one line, nothing lost."""
import os
import resource
import subprocess

import kills
import pytest
from mmengine.runner import Runner
from tiny import Probe

import mmst
from mmst.deploy.c_library import write_project
from mmst.engine.run.resume import find_checkpoint
from mmst.errors import TrainingError
from mmst.files import write_bytes
from mmst.lab.scenes import generate
from mmst.lab.study.write import write_results
from mmst.tickets import Ticket

MIB = 2**20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 48 MiB of its own."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip('mounting takes more rights')
    yield folder
    os.chdir('/')
    subprocess.run(['umount', '-l', str(folder)], check=True)


@pytest.fixture
def limit():
    """Lets no file of this process grow above a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(folder, left):
    """Leave only ``left`` bytes of the disk."""
    state = os.statvfs(folder)
    with open(folder / 'filler', 'wb') as file:
        file.write(bytes(state.f_bavail * state.f_bsize - left))


def train(resume=False, **functions):
    """The run of the kill tests; ``functions``: at hook points, see ``tiny.Probe``."""
    cfg = kills.settings(workers=0, val=0, search=False, prune=dict(reactivation=None, interval=1),
                         checkpoint=dict(interval=1, max_keep_ckpts=1))
    cfg.resume = resume
    runner = Runner.from_cfg(cfg)
    runner.register_hook(Probe(**functions), 1)
    runner.train()
    return runner


def at_epoch(number, act):
    """A function of a runner that acts at the beginning of an epoch."""
    return lambda runner: runner.epoch + 1 == number and act()


def stops(match, **functions):
    with pytest.raises(TrainingError, match=match) as caught:
        train(**functions)
    message = str(caught.value)
    assert 'Remedy: ' in message and '\n' not in message and '--resume' in message


@pytest.mark.by_turns(3)
def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(small_disk, monkeypatch):
    monkeypatch.chdir(small_disk)
    # The ticket still fits.
    stops('epoch_3.pth cannot be written .No space left on device.',
          before_train_epoch=at_epoch(3, lambda: fill(small_disk, 3 * MIB)))
    assert not list(small_disk.rglob('*.tmp'))
    assert find_checkpoint(kills.WORK).endswith('epoch_2.pth')
    (small_disk / 'filler').unlink()
    assert train(resume=True).epoch == 4


def test_a_ticket_that_finds_no_room_leaves_the_old_one(small_disk, monkeypatch):
    monkeypatch.chdir(small_disk)
    train()
    path = small_disk / kills.WORK / 'ticket.pth'
    before = path.read_bytes()
    fill(small_disk, len(before) // 2)
    with pytest.raises(TrainingError, match=r'ticket.pth cannot be written .No space left'):
        Ticket.load(path).save(path)
    assert path.read_bytes() == before and not list(small_disk.rglob('*.tmp'))


def test_a_disk_without_a_single_byte_is_reported_too(small_disk, monkeypatch):
    monkeypatch.chdir(small_disk)
    stops('tickets/3.pth cannot be written .No space left on device.',
          before_train_epoch=at_epoch(3, lambda: fill(small_disk, 0)))
    assert find_checkpoint(kills.WORK).endswith('epoch_2.pth')


def test_a_limit_on_the_size_of_files_is_reported(limit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stops('epoch_3.pth cannot be written .File too large.',
          before_train_epoch=at_epoch(3, lambda: limit(3 * MIB)))
    limit(resource.RLIM_INFINITY)
    assert not list(tmp_path.rglob('*.tmp'))
    assert find_checkpoint(kills.WORK).endswith('epoch_2.pth')
    assert train(resume=True).epoch == 4


def write_study(folder):
    row = dict(run='d.a', label='a', seeds=[0], metrics=dict(mIoU=dict(
        mean=50., min=50., max=50., values=[50.])), paper=dict(mIoU=None), costs=dict.fromkeys(
            ('sparsity', 'params', 'macs_dense', 'macs_density', 'macs_layers')))
    section = dict(title='S', curves={}, metrics=['mIoU'], rows=[row])
    write_results(dict(study='t', title='T', size='demo', source=None, sections=[section],
                       claims=[]), folder)


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('write, room', [
    (lambda folder: write_project(mmst.load('street-p90').ticket, folder), 1000_000),
    (lambda folder: mmst.load('street-p90').ticket.save_pretrained(folder), 1700_000),
    (write_study, 10_000), (lambda folder: generate('ade20k', folder, train=200), 3000_000)],
    ids=['C library', 'shared ticket', 'study', 'generated data'])
def test_folders_of_files_come_whole_or_not_at_all(small_disk, write, room):
    fill(small_disk, room)
    with pytest.raises(TrainingError, match=r'/out.* cannot be written .No space left') as caught:
        write(small_disk / 'new' / 'out')
    assert 'Remedy: ' in str(caught.value)
    assert [path.name for path in small_disk.rglob('*') if path.name != 'new'] == ['filler']
    (small_disk / 'filler').unlink()
    write(small_disk / 'new' / 'out')
    assert len(list((small_disk / 'new' / 'out').rglob('*'))) > 2


def test_a_directory_that_may_not_be_written_is_reported(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(TrainingError, match=r'cannot be written .File exists.'):
        write_bytes(tmp_path / 'file' / 'ticket.pth', b'')
