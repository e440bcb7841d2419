"""Checkpoints that cannot run code."""
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import BaseMetric
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint
from torch.utils.data import DataLoader, Dataset

from mmst.errors import TicketError
from mmst.inspection import safe_globals
from mmst.openmmlab import safe_checkpoints


class ToyData(Dataset):
    METAINFO = dict(sigmas=np.array([0.1, 0.2], np.float32), classes=('a', 'b'))
    metainfo = METAINFO

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return dict(inputs=torch.full((3, ), float(index)), data_samples=torch.ones(1))


class ToyModel(BaseModel):

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 1)

    def forward(self, inputs, data_samples, mode='tensor'):
        output = self.linear(torch.stack(inputs) if isinstance(inputs, list) else inputs)
        return dict(loss=output.pow(2).mean()) if mode == 'loss' else output


class ToyMetric(BaseMetric):
    """Returns what mIoU and AP often are: a numpy scalar."""

    def process(self, data_batch, data_samples):
        self.results.append(1)

    def compute_metrics(self, results):
        return dict(score=np.float32(0.5))


def build_runner(work_dir, name, epochs=2, **kwargs):
    dataset = ToyData()
    loaders = [DataLoader(dataset, 2, sampler=DefaultSampler(dataset)) for _ in range(2)]
    return Runner(
        model=ToyModel(),
        work_dir=str(work_dir),
        train_dataloader=loaders[0],
        val_dataloader=loaders[1],
        val_evaluator=[ToyMetric()],
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.1)),
        param_scheduler=dict(type='MultiStepLR', milestones=[1]),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        val_cfg={},
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1, save_best='score', rule='greater')),
        custom_hooks=[dict(type='EMAHook')],
        experiment_name=name,
        **kwargs)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A checkpoint as mmengine's Runner writes it: message hub, EMA, optimizer, schedulers."""
    work_dir = tmp_path_factory.mktemp('run')
    build_runner(work_dir, 'write').train()
    return str(work_dir / 'epoch_2.pth')


class Payload:
    """Runs a command where it is unpickled by Python's own pickle."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f'touch {self.marker}', )


@pytest.fixture
def malicious(tmp_path, checkpoint):
    """A checkpoint with a command next to its weights, and the file that the command makes."""
    content = safe_checkpoints.safe_load(checkpoint)
    marker = tmp_path / 'payload_ran'
    content['extra'] = Payload(marker)
    path = tmp_path / 'malicious.pth'
    torch.save(content, path)
    return str(path), marker


# ------------------------------------------------------------------------------- reading

extensible_check = pytest.mark.skipif(
    not hasattr(torch.serialization, 'add_safe_globals'), reason='torch >= 2.4')


@extensible_check
def test_mmengine_checkpoint_is_read_with_weights_only(checkpoint):
    content = torch.load(checkpoint, map_location='cpu', weights_only=True)
    loss = content['message_hub']['log_scalars']['train/loss']
    assert isinstance(loss, HistoryBuffer)
    assert loss.statistics('min') == loss.data[0].min()
    assert {'ema_state_dict', 'optimizer', 'param_schedulers'} <= set(content)
    assert content['meta']['dataset_meta']['sigmas'].dtype == np.float32


def test_runner_resumes_from_its_own_checkpoint(checkpoint, tmp_path):
    runner = build_runner(tmp_path, 'resume', epochs=3, load_from=checkpoint, resume=True)
    runner.train()
    assert runner.epoch == 3
    assert len(runner.message_hub.log_scalars['train/loss'].data[0]) == 6


@extensible_check
def test_every_local_load_of_mmengine_is_checked(checkpoint, monkeypatch):
    # The user's way to switch torch's check off for calls that say nothing about it.
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    asked = []
    original = torch.load
    monkeypatch.setattr(torch, 'load', lambda *args, **kwargs:
                        (asked.append(kwargs), original(*args, **kwargs))[1])
    load_checkpoint(ToyModel(), checkpoint, map_location='cpu')
    assert [kwargs['weights_only'] for kwargs in asked] == [True]


@pytest.mark.parametrize('number', [np.float64(1.5), np.int64(3), np.bool_(True), np.float32(2)])
def test_numpy_scalars_and_arrays_survive(tmp_path, number):
    torch.save(dict(scalar=number, array=np.array([number])), tmp_path / 'a.pth')
    content = safe_checkpoints.safe_load(tmp_path / 'a.pth')
    assert content['scalar'] == number and content['scalar'].dtype == number.dtype
    assert content['array'].dtype == number.dtype


@pytest.mark.parametrize('module', ['numpy.core.multiarray', 'numpy._core.multiarray'])
def test_names_of_numpy_1_and_2_are_both_known(module):
    names = {f'{item.__module__}.{item.__qualname__}' for item in safe_globals.safe_globals()}
    assert {f'{module}._reconstruct', f'{module}.scalar'} <= names


# ------------------------------------------------------------------------------ refusing


@pytest.mark.parametrize('load', [
    lambda path: load_checkpoint(ToyModel(), path),
    safe_checkpoints.safe_load,
])
def test_payload_is_refused_and_does_not_run(malicious, load, monkeypatch):
    path, marker = malicious
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    with pytest.raises(TicketError, match=r'malicious.pth: refers to posix.system'):
        load(path)
    assert not marker.exists()


def test_payload_would_have_run_unchecked(malicious):
    path, marker = malicious
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_runner_refuses_payload(malicious, tmp_path):
    path, marker = malicious
    with pytest.raises(TicketError, match='refused'):
        build_runner(tmp_path, 'malicious', load_from=path, resume=True).train()
    assert not marker.exists()


@pytest.mark.parametrize('owner, name', [
    (HistoryBuffer, '__init__'),
    (HistoryBuffer, '__globals__'),
    (HistoryBuffer(), 'min'),
    (HistoryBuffer.min, '__globals__'),
    (np, 'min'),
    (dict, 'max'),
])
def test_getattr_stand_in_knows_four_statistics_only(owner, name):
    with pytest.raises(pickle.UnpicklingError):
        safe_globals._history_statistic(owner, name)


def test_getattr_stand_in_returns_statistics():
    for name in ('min', 'max', 'current', 'mean'):
        assert safe_globals._history_statistic(HistoryBuffer, name) is getattr(HistoryBuffer, name)


@extensible_check
def test_arrays_of_objects_are_refused(tmp_path):
    torch.save(np.array([{}], object), tmp_path / 'a.pth')
    with pytest.raises(TicketError):
        safe_checkpoints.safe_load(tmp_path / 'a.pth')


@pytest.mark.parametrize('share', [0, 0.01, 0.3, 0.9, 0.99])
def test_truncated_checkpoint_is_named_in_one_line(checkpoint, tmp_path, share):
    whole = open(checkpoint, 'rb').read()  # noqa: SIM115
    path = tmp_path / 'short.pth'
    path.write_bytes(whole[:int(share * len(whole))])
    with pytest.raises(TicketError, match=r'short.pth: is truncated, damaged or no') as error:
        load_checkpoint(ToyModel(), str(path))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('content', [b'hello', b'a: 1\nb: 2\n', b'\x80\x02.', bytes(100)])
def test_other_files_are_named_in_one_line(tmp_path, content):
    path = tmp_path / 'notes.pth'
    path.write_bytes(content)
    with pytest.raises(TicketError, match=r'notes.pth: is truncated, damaged or no'):
        safe_checkpoints.safe_load(path)


def test_device_that_is_not_there_is_no_fault_of_the_file(checkpoint, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError('Attempting to deserialize object on a CUDA device but ...')

    monkeypatch.setattr(torch, 'load', refuse)
    with pytest.raises(RuntimeError, match='CUDA device'):
        safe_checkpoints.safe_load(checkpoint)


def test_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r'nowhere.pth'):
        load_checkpoint(ToyModel(), 'nowhere.pth')


# -------------------------------------------------- torch before 2.4, whose check is not extensible


def load_restricted(path):
    return torch.load(path, pickle_module=safe_checkpoints.restricted_pickle(), weights_only=False)


def test_restricted_pickle_reads_mmengine_checkpoint(checkpoint):
    content = load_restricted(checkpoint)
    assert isinstance(content['message_hub']['log_scalars']['train/loss'], HistoryBuffer)
    safe = safe_checkpoints.safe_load(checkpoint)['state_dict']
    assert all(torch.equal(safe[key], value) for key, value in content['state_dict'].items())


def test_restricted_pickle_refuses_payload(malicious):
    path, marker = malicious
    with pytest.raises(pickle.UnpicklingError, match='system'):
        load_restricted(path)
    assert not marker.exists()


def test_restricted_pickle_refuses_payload_in_legacy_format(tmp_path):
    path, marker = tmp_path / 'legacy.pth', tmp_path / 'payload_ran'
    torch.save(Payload(marker), path, _use_new_zipfile_serialization=False)
    with pytest.raises(pickle.UnpicklingError, match='system'):
        load_restricted(path)
    assert not marker.exists()
