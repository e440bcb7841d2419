"""A checkpoint to be damaged."""
import kills
import pytest
import torch

from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets.digest import DIGESTS, find_changed_part, part_digests


@pytest.fixture(scope='session')
def checkpoint_file(tmp_path_factory):
    """A Runner's checkpoint, less most of its thousands of tensors."""
    folder = tmp_path_factory.mktemp('checkpoint')
    kills.finish(folder, resume=False, epochs=2, workers=0, ticket=False)
    content = safe_load(str(folder / kills.WORK / 'epoch_2.pth'), 'cpu')
    assert not find_changed_part(content)
    for part in (content['state_dict'], content['ema_state_dict'], content['optimizer']['state'],
                 content['mmst_mask']['kept']):
        for key in list(part)[8:]:
            del part[key]
    content[DIGESTS] = part_digests(content)
    torch.save(content, folder / 'epoch_2.pth')
    return folder / 'epoch_2.pth'
