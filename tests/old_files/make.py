"""How the files next to this one were made, by the code of commit 4e6601a.

    git worktree add ../old 4e6601a
    PYTHONPATH=../old:../old/tests python tests/old_files/make.py FOLDER

A run of two epochs with AdamW, averages and a mask from the first step on; its first checkpoint,
its ticket, that ticket compacted and as a sparse file, and what the networks of all of them give.
"""
import lzma
import sys
import tempfile
from pathlib import Path

import tiny
import torch
from mmengine.registry import MODELS

from mmst.deploy.compact import compact
from mmst.deploy.export.sparse_file import save_sparse
from mmst.engine import PruneHook
from mmst.engine.run.runner_views import find_hook, unwrap
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.tickets import Ticket

#: Two Transformers; their inner layers are nearly empty, so that the files stay small.
SPARSITY = 0.975


@MODELS.register_module(force=True)
class OldSegmentor(tiny.TinySegmentor):
    """Also without a neck: a compact network stands for both."""

    def __init__(self, neck=None, **kwargs):
        super().__init__(neck=neck or dict(tiny.NECK, in_channels=(4, )), **kwargs)
        if neck is None:
            self.neck = torch.nn.Identity()


def make(work_dir, **more):
    """The runner."""
    cfg = tiny.config(
        work_dir, 2, optimizer=dict(type='AdamW', lr=0.01, eps=1e-3), checkpoint=dict(interval=1),
        ticket=True, search=False, recalibrate=False, custom_hooks=[dict(type='mmst.ResumeHook')],
        prune=dict(sparsity=SPARSITY, reactivation=None, schedule='one_shot'), **more)
    cfg.model = dict(
        type='OldSegmentor', neck=dict(tiny.NECK, in_channels=(4, )),
        backbone=dict(tiny.BACKBONE, channels=((4, ), ), depths=((1, ), ), transformer='all'))
    return tiny.Runner.from_cfg(cfg)


def image():
    """(2, 3, 16, 16), the same everywhere."""
    return torch.linspace(0, 40, 2 * 3 * 16 * 16).sin().view(2, 3, 16, 16)


@torch.no_grad()
def output(model):
    """Return a model's output for it, in eval mode."""
    model.eval()
    return model(image())


def _begin_sparse(runner):
    with torch.no_grad():
        for name, weight in unwrap(runner).named_parameters():
            if weight.dim() > 1 and ('.encoder.' in name or '.decoder.' in name):
                weight.mul_(1e-3)
    find_hook(runner, PruneHook).draw(runner, 0, SPARSITY)


def main(folder):
    """Train, write, compress."""
    with tempfile.TemporaryDirectory() as work:
        runner = make(work)
        runner.register_hook(tiny.Probe(before_train=_begin_sparse), 'VERY_LOW')
        runner.train()
        work = Path(work)
        ticket = Ticket.load(work / 'ticket.pth')
        small = compact(ticket)
        small.save(work / 'compact.pth')
        save_sparse(ticket, work / 'sparse.pth')
        model = unwrap(runner)
        model.load_state_dict(safe_load(str(work / 'epoch_1.pth'))['state_dict'])
        torch.save(dict(ticket=output(ticket.build()), compact=output(small.build()),
                        checkpoint=output(model)), work / 'outputs.pth')
        for name in ('ticket', 'compact', 'sparse', 'epoch_1', 'outputs'):
            data = lzma.compress((work / f'{name}.pth').read_bytes(), preset=9)
            (Path(folder) / f'{name}.pth.xz').write_bytes(data)
            print(name, len(data))


if __name__ == '__main__':
    main(sys.argv[1])
