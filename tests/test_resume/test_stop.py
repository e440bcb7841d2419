"""SIGTERM and SIGINT end a run at its next step, and nothing of it is lost."""
import signal
from pathlib import Path

import kills
import pytest
import torch
from mmengine.runner import Runner

from mmst.engine.run.position import KEY, random_state, read, set_random_state
from mmst.engine.run.resume import find_checkpoint, remove_outdated
from mmst.errors import TicketError

#: Signal; point, epoch and passage; the checkpoint that holds the run. An epoch has three batches.
STOPS = {
    'in the middle of an epoch': (signal.SIGTERM, ('step', 3, 2), 'epoch_2_iter_2'),
    'inside a search': (signal.SIGINT, ('search', 2, 3), 'epoch_2'),
    'while a checkpoint is written': (signal.SIGTERM, ('write epoch_', 3), 'epoch_3'),
    'inside an evaluation': (signal.SIGTERM, ('validation', 3, 2), 'epoch_2'),
}


def last(folder) -> str:
    work = Path(folder) / kills.WORK
    path = Path((work / 'last_checkpoint').read_text())
    assert (work / path.name).is_file()
    return path.stem


def stop(folder, point, number, name, **changes):
    printed = kills.stopped(folder, point, number, **changes)
    line, = [line for line in printed.splitlines() if not line.startswith('Loads checkpoint')]
    assert line.startswith(f'{signal.Signals(number).name}: ') and f'{name}.pth' in line
    assert '--resume' in line
    assert last(folder) == name


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('number, point, name', STOPS.values(), ids=STOPS)
def test_a_stopped_run_goes_on_as_if_it_had_not_been(uninterrupted, tmp_path, number, point, name):
    stop(tmp_path, point, number, name)
    kills.finish(tmp_path)
    assert not kills.differences(uninterrupted, kills.left(tmp_path))


@pytest.mark.by_turns(5)
def test_stopped_again_in_the_same_epoch_it_goes_on_too(uninterrupted, tmp_path):
    stop(tmp_path, ('step', 4, 1), signal.SIGTERM, 'epoch_3_iter_1')
    stop(tmp_path, ('step', 4, 2), signal.SIGINT, 'epoch_3_iter_3', resume=True)
    assert not (tmp_path / kills.WORK / 'epoch_3_iter_1.pth').exists()
    kills.finish(tmp_path)
    assert not kills.differences(uninterrupted, kills.left(tmp_path))


@pytest.mark.by_turns(5)
def test_an_iteration_based_run_stops_and_goes_on(iterations, tmp_path):
    stop(tmp_path, ('iteration', 1, 8), signal.SIGTERM, 'epoch_0_iter_8', **kills.ITERATIONS)
    kills.finish(tmp_path, **kills.ITERATIONS)
    assert not kills.differences(iterations, kills.left(tmp_path))


def test_a_plain_config_of_mmengine_stops_and_goes_on(tmp_path):
    folders = [tmp_path / name for name in ('stopped', 'whole')]
    stop(folders[0], ('step', 2, 1), signal.SIGTERM, 'epoch_1_iter_1', build=kills.plain)
    assert kills._process(folders[0], build=kills.plain, resume=True, number=signal.SIGTERM) == 0
    assert kills._process(folders[1], build=kills.plain) == 0
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        one, other = (torch.load(folder / kills.WORK / name, weights_only=False)
                      for folder in folders)
        for key in ('state_dict', 'ema_state_dict', 'optimizer'):
            assert not kills.differences(one[key], other[key])
    assert not list(tmp_path.rglob('epoch_*_iter_*'))


def test_in_a_notebook_the_hook_in_the_config_is_enough_and_leaves_no_handler(
        tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cfg = kills.plain(custom_hooks=[dict(type='mmst.StopHook')])
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    runner = Runner.from_cfg(cfg)
    kills.plan_kill(runner, 'step', 1, 2, number=signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(kills.BaseModel, 'train_step', kills.BaseModel.train_step)
        with pytest.raises(SystemExit) as caught:
            runner.train()
    assert caught.value.code == 130
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert find_checkpoint(kills.WORK).endswith('epoch_0_iter_2.pth')


def test_without_the_hook_an_interrupt_is_an_ordinary_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = Runner.from_cfg(kills.plain())
    monkeypatch.setattr(kills.BaseModel, 'train_step', lambda *_, **__: signal.raise_signal(2))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run may have its own
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.train()
    finally:
        signal.signal(signal.SIGINT, before)


# -------------------------------------------------------------------------------- the file


def test_a_random_state_is_plain_data_and_comes_back(tmp_path):
    torch.save(random_state(), tmp_path / 'state')
    drawn = torch.rand(3)
    set_random_state(torch.load(tmp_path / 'state', weights_only=True))
    assert torch.equal(torch.rand(3), drawn)


@pytest.mark.parametrize('found', [
    3, {}, dict(done=1), dict(done='1', length=3, begin=[{}], now=[{}]),
    dict(done=4, length=3, begin=[{}], now=[{}]), dict(done=-1, length=3, begin=[{}], now=[{}]),
    dict(done=1, length=3, begin=[], now=[]), dict(done=1, length=3, begin=[{}], now=7)])
def test_a_place_that_makes_no_sense_is_refused_in_one_line(found):
    with pytest.raises(TicketError, match=r'place in its epoch.*Remedy'):
        read(dict(meta={KEY: found}))


@pytest.mark.parametrize('state', [{}, None, dict(python=1), dict(random_state(), torch='x'), dict(
    random_state(), torch=torch.zeros(3, dtype=torch.uint8))])
def test_a_random_state_that_is_none_is_refused_in_one_line(state):
    with pytest.raises(TicketError, match=r'random state.*Remedy'):
        set_random_state(state)


def test_only_files_of_stops_in_the_work_directory_are_removed(tmp_path):
    others = [
        'epoch_3.pth', 'epoch_2_iter_1.pth.bak', 'my_epoch_2_iter_1.pth', 'epoch_x_iter_1.pth'
    ]
    for name in [*others, 'epoch_2_iter_1.pth', 'epoch_0_iter_7.pth']:
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'epoch_9_iter_9.pth').mkdir()
    remove_outdated(tmp_path, tmp_path / 'epoch_4.pth')  # is not there
    assert (tmp_path / 'epoch_2_iter_1.pth').exists()
    remove_outdated(tmp_path, tmp_path / 'epoch_3.pth')
    assert {path.name for path in tmp_path.iterdir()} == {*others, 'epoch_9_iter_9.pth'}


def test_without_last_checkpoint_the_stop_counts_by_epochs_and_batches(tmp_path):
    for epoch, name in ((2, 'epoch_2'), (2, 'epoch_2_iter_120'), (10, 'epoch_10')):
        torch.save(dict(meta=dict(epoch=epoch, iter=0), state_dict={}, message_hub={},
                        optimizer={}), tmp_path / f'{name}.pth')
    assert find_checkpoint(tmp_path).endswith('epoch_10.pth')
    (tmp_path / 'epoch_10.pth').unlink()
    assert find_checkpoint(tmp_path).endswith('epoch_2_iter_120.pth')


@pytest.mark.by_turns(5)
def test_gradients_that_wait_for_their_step_are_not_lost(tmp_path):
    changes = dict(epochs=2, workers=0, val=0, checkpoint=dict(interval=2), wrapper=dict(
        accumulative_counts=2))
    stop(tmp_path / 'stopped', ('step', 1, 1), signal.SIGTERM, 'epoch_0_iter_1', **changes)
    kills.finish(tmp_path / 'stopped', **changes)
    kills.finish(tmp_path / 'whole', resume=False, **changes)
    assert not kills.differences(*map(kills.left, (tmp_path / 'stopped', tmp_path / 'whole')))
