"""Two epochs of each main config on generated data: the toolbox's own loading code and metrics.

The network is narrow and images are small; everything else is as shipped.
"""
import json

import pytest
from mmengine.runner import Runner
from short_runs import short_run
from tiny import timeline

from mmst.tickets import Ticket

METRICS = dict(
    imagenet={'accuracy/top1', 'accuracy/top5'},
    cityscapes={'mIoU', 'mAcc', 'aAcc'},
    ade20k={'mIoU', 'mAcc', 'aAcc'},
    coco={'coco/AP', 'coco/AP (M)', 'coco/AP (L)', 'coco/AR'})


@pytest.mark.by_turns(4)
@pytest.mark.parametrize('task', METRICS)
def test_two_epochs_end_with_a_ticket_and_the_tasks_metrics(task, tmp_path):
    runner = Runner.from_cfg(short_run(task, tmp_path))
    runner.train()

    assert timeline(runner, 'search', 'prune') == [(kind, step) for step in (1, 2)
                                                   for kind in ('search', 'prune')]
    summary = json.loads((tmp_path / 'work' / 'ticket.json').read_text())
    assert METRICS[task] <= set(summary['metrics'])
    assert all(0 <= summary['metrics'][key] <= 100 for key in METRICS[task] - {'coco/AP (M)',
                                                                              'coco/AP (L)'})
    assert Ticket.load(tmp_path / 'work' / 'ticket.pth').sparsity == pytest.approx(0.9, abs=1e-3)
    best = cfg_best(runner)
    assert [path.name for path in (tmp_path / 'work').glob('best_*')] == [best]


def cfg_best(runner):
    """Name of the file that ``save_best`` must leave: only the last evaluation counts."""
    key = runner.cfg.default_hooks.checkpoint.save_best
    return f'best_{key.replace("/", "_")}_epoch_2.pth'
