"""Work directories of runs that were never trained, for tests of the report.

``write_run(folder)`` gives the files that a finished two-in-one run of a narrow supernet leaves,
without weights; ``killed=True`` those of a run that was killed after its third event.
"""
import json
from functools import cache

from small_nets import NarrowModel, cut_at_random

from mmst.engine.run import timeline
from mmst.engine.run.snapshot import part_widths, snapshot
from mmst.search.histogram import edges, importance_histogram
from mmst.search.units import find_units

SIZE = (32, 64)
CONFIG = '''
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='mmst.HRNASSupernet', stem_channels=(6, 4), channels=((4, ), (4, 6), (4, 6, 8),
        (4, 6, 8, 10)), depths=((1, ), (1, 1), (1, 1, 1), (1, 1, 1, 1)), expand_ratio=2, tokens=5),
    neck=dict(type='mmst.DensePredictionNeck', in_channels=(4, 6, 8, 10), out_channels=7,
              expand_ratio=2, tokens=5))
default_hooks = dict(search=dict(type='mmst.SearchHook', interval=4, note='<b>5 > 3</b>'),
                     prune=dict(type='mmst.PruneHook', sparsity=0.5))
train_cfg = dict(by_epoch=True, max_epochs=8)
val_dataloader = dict(dataset=dict(type='NoSuchDataset'))
'''


def run_and_events():
    """First line and events of the timeline: two searches, prunes, evaluations."""
    return json.loads(_run_and_events())


@cache
def _run_and_events():
    model, entries = NarrowModel(), []
    run = dict(kind='run', step=0, unit='epoch', steps=8, iterations_per_step=10,
               input_shape=SIZE, target=0.5, threshold=1e-3, edges=edges(), seed=11,
               supernet=dict(params=40_000, macs=9_000_000),
               widths=part_widths(model), versions=dict(mmst='1.2.3', torch='2.9'))
    for step in (4, 8):
        groups = find_units(model)
        histogram = importance_histogram(groups, {n: g.gamma.detach() for n, g in groups.items()})
        cut_at_random(model, 0.3)
        weights = {name: p for name, p in model.named_parameters() if p.dim() == 4 and p.numel()}
        mask = {name: p > p.median() for name, p in weights.items()}
        # Counting real costs would take most of a test's time.
        state = dict(snapshot(model, mask, None), params=40_000 - 1000 * step,
                     macs=9_000_000 - 500_000 * step, nonzero=15_000, sparse_macs=2_000_000.)
        entries += [
            dict(kind='search', step=step, removed=[dict(
                group='backbone.fusions.0.blocks.0.0.mixconv.channels', kind='channel',
                removed={'3': 2}, left=22)], importance=histogram, params=state['params'],
                 macs=state['macs']),
            dict(kind='reactivate', step=step, revived=123),
            dict(kind='prune', step=step, ratio=0.5, sparsity=state['sparsity'], total=1000,
                 pruned=500, state=state),
            dict(kind='recalibrate', step=step, batches=2),
            dict(kind='evaluate', step=step, sparsity=state['sparsity'], at_target=step == 8,
                 metrics=dict(mIoU=10. + step, aAcc=50.))]
    return json.dumps([run, entries])


def write_run(folder, killed=False):
    """Write the files; returns the folder."""
    run, entries = run_and_events()
    if killed:
        entries = entries[:3]
    folder.mkdir(parents=True, exist_ok=True)
    timeline.begin(folder, run, entries)
    (folder / 'narrow.py').write_text(CONFIG)
    log_losses(folder, '20240101_100000', {10: 3.5, 20: 3., 30: 2.5})
    if not killed:
        state = entries[-3]['state']
        (folder / 'ticket.json').write_text(json.dumps(dict(
            step=8, seed=11, versions=run['versions'], sparsity=0.5, input_shape=SIZE,
            params=dict(supernet=run['supernet']['params'], searched=state['params'],
                        sparse=state['nonzero']),
            macs=dict(supernet=run['supernet']['macs'], searched=state['macs'],
                      sparse=state['sparse_macs']),
            layer_sparsity=state['layers'], widths=state['widths'], metrics=dict(mIoU=18.))))
    return folder


def log_losses(folder, start, losses):
    """Return the log of a process that began at ``start``, by iteration."""
    path = folder / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(json.dumps(dict(loss=loss, step=step)) + '\n'
                            for step, loss in losses.items()))
