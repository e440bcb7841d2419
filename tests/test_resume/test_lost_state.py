"""The parts of a checkpoint: without any one of them, a resumed run ends differently.

The other way round, it shows that the comparison of the kill tests would notice.
"""
import random

import kills
import numpy as np
import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.runner import set_random_seed

from mmst.engine.hooks import seed_hook
from mmst.openmmlab.safe_checkpoints import safe_load

EPOCHS = 4


def changes(name='AdamW'):
    """No seed in the config: it must come from the checkpoint too."""
    optimizer = dict(AdamW=dict(type='AdamW', lr=0.01), RMSprop=dict(
        type='RMSprop', lr=0.01, momentum=0.9), SGD=dict(type='SGD', lr=0.05, momentum=0.9))[name]
    return dict(workers=0, val=0, randomness=dict(seed=None), optimizer=optimizer,
                checkpoint=dict(interval=1, max_keep_ckpts=4))


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    """A run, and the folder of another one that is to be resumed from its third epoch."""
    found = {}

    def train(optimizer):
        if optimizer not in found:
            folder = tmp_path_factory.mktemp(optimizer)
            kills.finish(folder, resume=False, **changes(optimizer))
            found[optimizer] = folder, kills.saved(folder)
        return found[optimizer]

    return train


def resume(uninterrupted, folder, monkeypatch, optimizer='AdamW', lose=lambda content: None):
    """Differences after going on from the third epoch's checkpoint, with a part of it lost."""
    source, whole = uninterrupted(optimizer)
    (folder / kills.WORK).mkdir()
    content = safe_load(str(source / kills.WORK / 'epoch_3.pth'), 'cpu')
    lose(content)
    content.pop('mmst_digests')  # they would tell
    torch.save(content, folder / kills.WORK / 'epoch_3.pth')
    monkeypatch.chdir(folder)
    kills.train(resume=True, **changes(optimizer))
    # Earlier checkpoints and tickets are there in one folder only.
    ends = [{name: saved[name] for name in ('epoch_4.pth', 'ticket.pth', 'ticket.json')}
            for saved in (whole, kills.saved(folder))]
    return kills.differences(*ends)


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('optimizer', ['AdamW', 'RMSprop', 'SGD'])
def test_with_all_its_parts_the_run_ends_alike(uninterrupted, tmp_path, monkeypatch, optimizer):
    assert not resume(uninterrupted, tmp_path, monkeypatch, optimizer)


def forget(*path):
    """A function that removes an entry."""

    def lose(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return lose


def reset(key):
    """A function that starts one kind of optimizer state again."""

    def lose(content):
        for state in content['optimizer']['state'].values():
            state[key] = torch.zeros_like(torch.as_tensor(state[key]))

    return lose


def one_weight(content):
    """The smallest change that a comparison can miss."""
    # Of the model in training: mmengine swaps it with the average where it saves.
    weight = content['ema_state_dict']['module.classifier.weight']
    weight.view(torch.int32)[0, 0] ^= 1


LOST = {
    'first moments': reset('exp_avg'),
    'second moments': reset('exp_avg_sq'),
    'step counts': reset('step'),
    'learning rates': lambda content: [g.update(lr=1e-3, initial_lr=1e-3)
                                       for g in content['optimizer']['param_groups']],
    'the mask': forget('mmst_mask'),
    'the schedule': forget('param_schedulers'),
    'the average': forget('ema_state_dict'),
    'the steps of the average': lambda content: content['ema_state_dict']['steps'].zero_(),
    'survivors': lambda content: content['mmst_search']['survivors'].update(
        {name: [i + 1 for i in index] for name, index in
         content['mmst_search']['survivors'].items()}),
    'the mean cost': lambda content: content['mmst_search'].update(mean_macs=1e3),
    'the supernet\'s cost': lambda content: content['mmst_search'].update(
        supernet=dict(params=1, macs=1)),
    'the timeline': forget('message_hub', 'runtime_info', 'mmst_events'),
    'the seed': forget('meta', 'seed'),
    'the epoch': lambda content: content['meta'].update(epoch=2),
    'the iteration': lambda content: content['meta'].update(iter=0),
    'one bit of a weight': one_weight,
}


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('lose', LOST.values(), ids=LOST)
def test_without_one_part_the_run_ends_differently(uninterrupted, tmp_path, monkeypatch, lose):
    assert resume(uninterrupted, tmp_path, monkeypatch, lose=lose)


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('optimizer, key', [
    ('RMSprop', 'square_avg'), ('RMSprop', 'momentum_buffer'), ('SGD', 'momentum_buffer')])
def test_without_another_optimizers_state_it_ends_differently(uninterrupted, tmp_path, monkeypatch,
                                                             optimizer, key):
    assert resume(uninterrupted, tmp_path, monkeypatch, optimizer, reset(key))


#: How each generator's state is read and set: Python's, NumPy's, torch's.
GENERATORS = {
    'augmentation by Python': (random.getstate, random.setstate),
    'augmentation by NumPy': (np.random.get_state, np.random.set_state),
    'dropout and augmentation by torch': (torch.get_rng_state, torch.set_rng_state),
}


@pytest.mark.by_turns(5)
@pytest.mark.parametrize('get, put', GENERATORS.values(), ids=GENERATORS)
def test_without_the_state_of_one_generator_the_run_ends_differently(uninterrupted, tmp_path,
                                                                     monkeypatch, get, put):
    """No checkpoint holds it: it is that of the epoch."""

    def seed_others(seed):
        before = get()
        set_random_seed(seed)
        put(before)

    uninterrupted('AdamW')
    monkeypatch.setattr(seed_hook, 'set_random_seed', seed_others)
    assert resume(uninterrupted, tmp_path, monkeypatch)


@pytest.mark.by_turns(3)
def test_without_the_order_of_the_epoch_it_ends_differently(uninterrupted, tmp_path, monkeypatch):
    uninterrupted('AdamW')
    monkeypatch.setattr(DefaultSampler, 'set_epoch', lambda *args: None)
    assert resume(uninterrupted, tmp_path, monkeypatch)
