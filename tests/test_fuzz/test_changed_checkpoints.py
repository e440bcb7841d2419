"""Checkpoints that are files in order and say something else: no run goes on from them."""
import copy

import kills
import pytest
import torch
from changes import CHANGE_OF_CHECKPOINT
from damage import cases
from hypothesis import given

from mmst.engine.run.resume import find_checkpoint
from mmst.engine.run.start_file import check_start
from mmst.errors import TicketError
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets.digest import find_changed_part


@pytest.fixture(scope='module')
def content(checkpoint_file):
    return safe_load(str(checkpoint_file))


@pytest.mark.by_turns(4)
@cases(250)
@given(CHANGE_OF_CHECKPOINT)
def test_a_changed_checkpoint_is_passed_over_or_is_what_was_written(checkpoint_file, content,
                                                                   change):
    changed = copy.deepcopy(content)
    change(changed)
    path = checkpoint_file.with_name('epoch_3.pth')
    torch.save(changed, path)
    found = find_checkpoint(path.parent)
    assert found == str(checkpoint_file) or not kills.differences(
        *({key: part for key, part in each.items() if key != 'mmst_digests'}
          for each in (content, changed)))


@pytest.mark.parametrize('part', [
    'state_dict', 'ema_state_dict', 'optimizer', 'message_hub', 'meta', 'param_schedulers',
    'mmst_mask', 'mmst_search'])
def test_each_part_is_looked_at(content, part):
    assert find_changed_part(content) is None
    assert find_changed_part({key: value for key, value in content.items() if key != part}) == part
    assert find_changed_part(dict(content, **{part: {}})) == part


def test_two_moments_that_changed_places_are_reported_before_anything_is_built(content, tmp_path):
    """Named by --resume PATH: nothing is passed over then."""
    changed = copy.deepcopy(content)
    moments = changed['optimizer']['state'][0]
    moments['exp_avg'], moments['exp_avg_sq'] = moments['exp_avg_sq'], moments['exp_avg']
    torch.save(changed, tmp_path / 'epoch_2.pth')
    cfg = kills.settings()
    cfg.update(resume=True, load_from=str(tmp_path / 'epoch_2.pth'), work_dir=str(tmp_path / 'w'))
    with pytest.raises(TicketError, match=r'was changed .*: its optimizer is another. Remedy: '):
        check_start(cfg)
