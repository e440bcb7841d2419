"""The rehearsal reads the checkpoint to go on from: nonsense in it ends in one line."""
import copy

import pytest
import tiny
import torch

from mmst.engine.rehearsal import rehearse
from mmst.errors import TicketError
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets.digest import part_digests

SETTINGS = dict(checkpoint=dict(interval=1), recalibrate=False, param_scheduler=[
    dict(type='StepLR', step_size=1, by_epoch=True)])


@pytest.fixture(scope='module')
def content(tmp_path_factory):
    """A checkpoint in the middle of a run whose search has removed units."""
    folder = tmp_path_factory.mktemp('run')
    tiny.run(folder, 3, search=dict(interval=1, threshold=0.5, rho=1.),
             probes=[(60, dict(before_train=tiny.weaken()))], **SETTINGS)
    return safe_load(str(folder / 'epoch_1.pth'), map_location='cpu')


def rehearse_from(content, folder):
    path = folder / 'epoch_1.pth'
    parts = {key: value for key, value in content.items() if key != 'mmst_digests'}
    torch.save(dict(parts, mmst_digests=part_digests(parts)), path)
    cfg = tiny.config(folder / 'work', 3, search=dict(interval=1, threshold=0.5, rho=1.),
                      launcher='none', resume=True, load_from=str(path), **SETTINGS)
    rehearse(cfg)


def test_whole_checkpoint_passes(content, tmp_path):
    rehearse_from(content, tmp_path)
    assert not (tmp_path / 'work').exists()


def first_state(content):
    return next(iter(content['optimizer']['state'].values()))


@pytest.mark.parametrize('spoil', [
    lambda c: first_state(c).update(momentum_buffer=torch.zeros(7)),
    lambda c: first_state(c).update(momentum_buffer='none'),
    lambda c: c['optimizer']['param_groups'][0].pop('lr'),
    lambda c: c['optimizer']['param_groups'][0].update(lr='high'),
    lambda c: c['optimizer'].update(param_groups=[]),
    lambda c: c.update(optimizer=[1, 2]),
    lambda c: c['param_schedulers'][0].update(step_size=None, last_step=[]),
    lambda c: c.update(param_schedulers='none'),
    lambda c: c['message_hub'].update(runtime_info=5),
    lambda c: c['meta'].update(epoch='two')])
def test_nonsense_is_refused_in_one_line(content, tmp_path, spoil):
    content = copy.deepcopy(content)
    spoil(content)
    with pytest.raises(TicketError, match=r'cannot be resumed from.*Remedy: ') as line:
        rehearse_from(content, tmp_path)
    assert '\n' not in str(line.value) and not (tmp_path / 'work').exists()
