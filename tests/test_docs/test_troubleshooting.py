"""Each message that the troubleshooting page quotes is one that the code gives."""
import json
import pickle
import re
from types import SimpleNamespace

import pytest
import tiny
import torch
from doc_pages import ROOT
from mmengine.config import Config
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import OptimWrapper
from mmengine.registry import HOOKS
from torch import nn
from view_tickets import view_ticket

import mmst
from mmst.deploy.open import open_ticket
from mmst.engine import MaskedOptimWrapper, PruneHook, SearchHook, TicketCheckpointHook
from mmst.engine.hooks.finite_hook import check_finite
from mmst.engine.run.monitors import check_monitors
from mmst.engine.run.plan import RunPlan
from mmst.engine.run.start_file import check_tested, read
from mmst.engine.run.work_dir import claim
from mmst.engine.run.work_dir_lock import release
from mmst.errors import MMSTError
from mmst.lab.visualize.boxes import Boxes
from mmst.lab.visualize.column import check_task
from mmst.optional import need
from mmst.tickets import Ticket

PAGE = ROOT / 'docs' / 'troubleshooting.md'
QUOTED = re.findall(r'^### `(.+)`$', PAGE.read_text(), re.MULTILINE)


def plan(**changes):
    """A run of four epochs of a plain network."""
    return RunPlan(**dict(dict(steps=4, unit='epochs', wrapper=MaskedOptimWrapper, hooks=[],
                               model=nn.Sequential(nn.Conv2d(3, 3, 1))), **changes))


def other_wrapper(folder):
    PruneHook(0.9, 1).check_plan(plan(wrapper=OptimWrapper))


def plain_average(folder):
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    PruneHook(0.9, 1).check_plan(plan(model=model, averaged=ExponentialMovingAverage(model)))


def average_not_evaluated(folder):
    hook = HOOKS.build(dict(type='mmpretrain.EMAHook', evaluate_on_ema=False))
    PruneHook(0.9, 1).check_plan(plan(hooks=[hook]))


def misspelt_metric(folder):
    hook = TicketCheckpointHook(interval=1, save_best='mIOU', rule='greater')
    settings = dict(default_hooks=dict(checkpoint=dict(type='mmst.TicketCheckpointHook')))
    check_monitors(SimpleNamespace(hooks=[hook], param_schedulers=None, cfg=settings),
                   ['aAcc', 'mIoU'])


def checkpoint(folder):
    torch.save(dict(state_dict=dict(weight=torch.zeros(2))), folder / 'epoch_1.pth')
    open_ticket(str(folder / 'epoch_1.pth'))


def damaged(folder):
    view_ticket('imagenet', 0).save(folder / 'x.pth')
    content = bytearray((folder / 'x.pth').read_bytes())
    content[len(content) // 2] ^= 255
    (folder / 'x.pth').write_bytes(content)
    Ticket.load(folder / 'x.pth')


class Code:

    def __reduce__(self):
        return print, ('executed', )


def code(folder):
    torch.save(dict(state_dict=Code()), folder / 'x.pth', pickle_module=pickle)
    read(str(folder / 'x.pth'))


def architecture(folder):
    torch.save(dict(state_dict=nn.Conv2d(3, 5, 1).state_dict()), folder / 'x.pth')
    check_tested(str(folder / 'x.pth'), nn.Conv2d(3, 3, 1))


def work_dir(folder):
    first, second = (tiny.config(folder, prune=dict(sparsity=share)) for share in (0.5, 0.8))
    claim(folder, first, False)
    torch.save({}, folder / 'epoch_1.pth')
    try:
        claim(folder, second, True)
    finally:
        release(folder)


def diverged(folder):
    layer = nn.Conv2d(3, 3, 1)
    layer.weight.data[0] = float('nan')
    check_finite(layer, 'epoch 3')


def another_task(folder):
    check_task('x.pth', Ticket({}, {}, None, dict(default_scope='mmseg')),
               Config(dict(default_scope='mmpose', model={})))


def unseen_image(folder):
    (folder / 'boxes.json').write_text(json.dumps([]))
    Boxes(str(folder / 'boxes.json')).of_image(folder / '0.png')


#: The quoted message to what provokes it, in an empty folder.
PROVOKED = {
    'PruneHook.sparsity = 90: must lie between 0 and 1': lambda folder: PruneHook(sparsity=90),
    "PruneHook.reactivation = 'search': there is no SearchHook":
        lambda folder: PruneHook(0.9, 1).check_plan(plan()),
    "PruneHook.criterion = 'movement': unknown name":
        lambda folder: PruneHook(0.9, criterion='movement'),
    'SearchHook.interval = 10: the run has only 4 epochs, so it would never act':
        lambda folder: SearchHook((8, 8)).check_plan(plan()),
    "model.backbone.type = 'Sequential': it offers no search units":
        lambda folder: SearchHook((8, 8), 1, warmup=0).check_plan(plan()),
    "optim_wrapper.type = 'OptimWrapper': pruning needs a wrapper that masks gradients":
        other_wrapper,
    'EMAHook.update_buffers = False: averaged weights need averaged BN statistics': plain_average,
    'EMAHook.evaluate_on_ema = False: the averaged network becomes the ticket':
        average_not_evaluated,
    "default_hooks.checkpoint.save_best = 'mIOU': evaluations give no metric of this name":
        misspelt_metric,
    "config = 'st_hrnas_citscapes_p90.py': mmst has none of that name":
        lambda folder: mmst.cfg('st_hrnas_citscapes_p90.py'),
    'ticket.pth: no such file': lambda folder: Ticket.load(folder / 'ticket.pth'),
    'is a checkpoint, not a finished ticket': checkpoint,
    'is truncated, damaged or no checkpoint': damaged,
    'which is code rather than data, and was refused': code,
    'is of another architecture': architecture,
    'holds checkpoints of another config': work_dir,
    'training has diverged': diverged,
    'needs nosuchpackage, which is not installed':
        lambda folder: need('nosuchpackage', 'an example'),
    'is a ticket of mmseg, and the config is of mmpose': another_task,
    'no box of a person for 0.png': unseen_image,
}


def test_every_message_of_the_page_is_provoked_here():
    assert sorted(QUOTED) == sorted(PROVOKED)


@pytest.mark.parametrize('message', PROVOKED)
def test_the_code_gives_the_message_that_the_page_quotes(message, tmp_path):
    with pytest.raises(MMSTError) as caught:
        PROVOKED[message](tmp_path)
    assert message in str(caught.value) and 'Remedy: ' in str(caught.value)
