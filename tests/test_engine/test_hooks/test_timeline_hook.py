"""Watching a run changes nothing, and shows everything."""
import json
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import VISBACKENDS
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend
from tiny import (
    SIZE,
    WEAKEN,
    averaged_model,
    config,
    default_hooks,
    events,
    make,
    pruned_weights,
    shipped_hooks,
    unwrap,
)

from mmst.engine import TimelineHook
from mmst.engine.run import timeline
from mmst.search.histogram import edges

HOOK = dict(type='mmst.TimelineHook')


@VISBACKENDS.register_module(force=True)
class HistogramBackend(LocalVisBackend):
    """Has a writer like TensorBoard's, which remembers."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.histograms = []

    def add_histogram_raw(self, *arguments):
        self.histograms.append(arguments)


def watched(work_dir, *args, watch=True, **kwargs):
    """A runner of ``tiny`` with the hook; without it where ``watch`` is False."""
    names = kwargs.keys() & {'search', 'prune', 'checkpoint'}
    changed = {name: kwargs.pop(name) for name in names}
    hooks = default_hooks(ticket=True, **changed)
    hooks.update(dict(timeline=HOOK) if watch else {})
    return make(work_dir, *args, default_hooks=hooks, probes=kwargs.pop('probes', [WEAKEN]),
                **kwargs)


def train(*args, **kwargs):
    runner = watched(*args, **kwargs)
    runner.train()
    return runner


def by_kind(entries, kind):
    return [entry for entry in entries if entry['kind'] == kind]


@pytest.fixture(scope='module')
def run_and_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp('watched')
    runner = train(folder, val=2, vis_backends=None,
                   visualizer=dict(type='Visualizer', vis_backends=[dict(type='HistogramBackend')]))
    return runner, folder, *timeline.read(folder)


def test_it_is_on_in_the_shipped_configs_and_acts_before_checkpoints():
    assert shipped_hooks().timeline.type == 'mmst.TimelineHook'


@pytest.mark.by_turns(3)
def test_training_is_the_same_without_it_bit_by_bit(tmp_path):
    runners = [train(tmp_path / str(watch), watch=watch, val=2, noise=0.1,
                     model=dict(transformer='shape_preserving')) for watch in (True, False)]
    for models in zip(*([unwrap(r), averaged_model(r).module] for r in runners), strict=True):
        one, other = (m.state_dict() for m in models)
        assert all(torch.equal(one[name], other[name]) for name in other)
    assert events(runners[0]) == events(runners[1])
    masks = [[p for *_, p in pruned_weights(r)] for r in runners]
    assert masks[0] and all(map(torch.equal, *masks))


def test_the_file_has_every_event_in_order(run_and_file):
    runner, _, run, entries = run_and_file
    assert [(e['kind'], e['step']) for e in entries] == [
        (e['kind'], e['step']) for e in events(runner)]
    assert {e['kind'] for e in entries} == {
        'search', 'prune', 'reactivate', 'recalibrate', 'evaluate'}
    assert run['steps'] == 4 and run['unit'] == 'epoch' and run['input_shape'] == list(SIZE)


def test_each_step_that_changed_the_network_has_its_state(run_and_file):
    _, _, _, entries = run_and_file
    for step in (1, 2, 3, 4):
        at = [e for e in entries if e['step'] == step]
        state, = (e['state'] for e in at if 'state' in e)
        prune, = by_kind(at, 'prune')
        assert state['sparsity'] == prune['sparsity']
        for search in by_kind(at, 'search'):
            assert (state['params'], state['macs']) == (search['params'], search['macs'])
        assert state['nonzero'] == state['params'] - prune['pruned']


def test_units_left_follow_from_those_removed(run_and_file):
    _, _, run, entries = run_and_file
    left = {f'backbone.{name}.mixconv.channels': dict(w['channels'])
            for name, w in run['widths']['backbone'].items()}
    for search in by_kind(entries, 'search'):
        for removal in search['removed']:
            for label, number in removal['removed'].items():
                if removal['group'] in left:
                    left[removal['group']][label] -= number
    last = [e['state'] for e in entries if 'state' in e][-1]
    assert left == {name: dict(last['widths']['backbone'][name[9:-17]]['channels'])
                    for name in left}


def test_importance_is_that_before_units_were_removed(run_and_file):
    _, _, run, entries = run_and_file
    first, second = by_kind(entries, 'search')
    below = sum(edge <= run['threshold'] for edge in edges()[1:])
    for label, counts in second['importance'].items():
        gone = sum(r['removed'].get(label, 0) for r in first['removed'])
        assert sum(first['importance'][label]) - gone == sum(counts)
        assert sum(first['importance'][label][:below]) == gone > 0


def test_scalars_go_to_the_visualizer(run_and_file):
    _, folder, _, entries = run_and_file
    path, = folder.glob('*/vis_data/scalars.json')
    scalars = [json.loads(line) for line in path.read_text().splitlines()]
    found = {line['step']: line for line in scalars if 'network/macs' in line}
    assert sorted(found) == [1, 2, 3, 4]
    for entry in entries:
        if 'state' in entry:
            line = found[entry['step']]
            assert line['network/sparsity'] == entry['state']['sparsity']
            assert line['network/sparse_macs'] == entry['state']['sparse_macs']
    assert found[2]['importance/3x3/50%'] > 0 and 'importance/3x3/50%' not in found[1]
    assert any(line.get('penalty', 0) > 0 for line in scalars)


def test_backends_that_know_histograms_get_them(run_and_file):
    runner, _, _, entries = run_and_file
    backend, = runner.visualizer._vis_backends.values()
    searches = by_kind(entries, 'search')
    printed = {(name, step): counts for name, *_, counts, step in backend.histograms}
    for search in searches:
        for label, counts in search['importance'].items():
            assert printed[f'importance/{label}x{label}', search['step']] == counts


def test_the_log_has_a_table_after_each_event(tmp_path):
    train(tmp_path, log_level='INFO')
    path, = tmp_path.glob('*/*.log')
    text = path.read_text()
    for step in (1, 2, 3, 4):
        assert f'epoch {step} of 4: ' in text
    assert 'next: search in epoch 4, prune in epoch 3 (to 30%)' in text
    assert 'search in epoch 6' not in text
    assert text.count('units left (removed)') == 2


# -------------------------------------------------------------------- kills and resumed runs


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('after', [1, 3])
def test_a_resumed_run_neither_repeats_nor_loses_an_entry(tmp_path, after):
    settings = dict(val=2, checkpoint=dict(interval=1, max_keep_ckpts=-1))
    train(tmp_path, **settings)
    whole = (tmp_path / timeline.FILE).read_bytes()
    checkpoint = str(tmp_path / f'epoch_{after}.pth')
    again = watched(tmp_path, resume=True, load_from=checkpoint, **settings)
    again.train()
    assert (tmp_path / timeline.FILE).read_bytes() == whole


def test_without_its_file_a_resumed_run_has_the_checkpoint_s_events(tmp_path):
    settings = dict(checkpoint=dict(interval=1, max_keep_ckpts=-1))
    train(tmp_path, **settings)
    _, whole = timeline.read(tmp_path)
    (tmp_path / timeline.FILE).unlink()
    watched(tmp_path, resume=True, load_from=str(tmp_path / 'epoch_2.pth'), **settings).train()
    run, entries = timeline.read(tmp_path)
    assert run['kind'] == 'run'
    assert [{k: v for k, v in e.items() if k != 'state'} for e in entries] == [
        {k: v for k, v in e.items() if k != 'state'} for e in whole]
    assert entries[-3:] == whole[-3:]


def test_a_fresh_run_begins_again(tmp_path):
    for epochs in (4, 2):
        train(tmp_path, epochs)
    run, entries = timeline.read(tmp_path)
    assert run['steps'] == 2 and {e['step'] for e in entries} == {1, 2}


class Stop(Hook):
    """A kill between an event and the next checkpoint."""
    priority = 99

    def after_train_epoch(self, runner):
        if runner.epoch == 2:
            raise KeyboardInterrupt


def test_a_killed_run_still_has_its_events(tmp_path):
    runner = watched(tmp_path)
    runner.register_hook(Stop())
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    _, entries = timeline.read(tmp_path)
    assert [(e['kind'], e['step']) for e in entries] == [
        (e['kind'], e['step']) for e in events(runner)]
    assert entries[-1]['step'] == 3


def test_the_time_left_is_right_after_a_resume(tmp_path):
    """mmengine's: the mean time of this process's iterations, times how many are left."""
    settings = dict(checkpoint=dict(interval=1, max_keep_ckpts=-1))
    train(tmp_path, **settings)
    again = watched(tmp_path, resume=True, load_from=str(tmp_path / 'epoch_3.pth'), **settings)
    printed, times = [], []
    again.register_hook(Look(printed, times), priority=99)
    again.train()
    assert printed == pytest.approx([times[0], 0.]) and times[0] > 0


class Look(Hook):
    """Notes the time left and the time of each iteration."""

    def __init__(self, printed, times):
        self.printed, self.times = printed, times

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.printed.append(runner.message_hub.get_info('eta'))
        self.times.append(runner.message_hub.get_scalar('train/time').current())


# ----------------------------------------------------------------------------- other runs


def test_iteration_based_runs_are_reported_in_iterations(tmp_path):
    runner = train(tmp_path, val=3, probes=[], search=dict(interval=4), prune=dict(interval=2),
                   train_cfg=dict(by_epoch=False, max_iters=6, val_interval=3))
    run, entries = timeline.read(tmp_path)
    assert (run['unit'], run['steps'], run['iterations_per_step']) == ('iteration', 6, 1)
    assert [(e['kind'], e['step']) for e in entries] == [
        (e['kind'], e['step']) for e in events(runner)]


def test_pruning_alone_has_no_search_to_tell_of(tmp_path):
    train(tmp_path, 2, search=False, prune=dict(interval=1, reactivation=None))
    run, entries = timeline.read(tmp_path)
    assert run['threshold'] is None and not by_kind(entries, 'search')
    reached = [e['state']['sparsity'] for e in entries if 'state' in e]
    assert reached[-1] == pytest.approx(0.5, abs=0.01)


def test_a_size_that_the_network_cannot_take_leaves_costs_out_and_does_not_stop_the_run(tmp_path):
    cfg = config(tmp_path, 1, search=False, prune=dict(interval=1, reactivation=None))
    cfg.default_hooks.timeline = dict(HOOK, input_shape=(7, 7))
    runner = Runner.from_cfg(cfg)

    def refuse(module, images):
        if images[0].shape[-1] == 7:
            raise RuntimeError('too small')

    runner.model.backbone.register_forward_pre_hook(refuse)
    runner.train()
    run, entries = timeline.read(tmp_path)
    assert run['input_shape'] is None
    assert 'params' not in by_kind(entries, 'prune')[0]['state']


def test_evaluation_without_training_writes_nothing(tmp_path):
    TimelineHook().after_val_epoch(watched(tmp_path, val=1), {})
    assert not Path(tmp_path, timeline.FILE).exists()


def test_tensorboard_files_hold_scalars_and_histograms(tmp_path):
    """Written and read back by TensorBoard itself."""
    from tensorboard.backend.event_processing import event_accumulator
    runner = train(tmp_path, 2, visualizer=dict(
        type='Visualizer', vis_backends=[dict(type='TensorboardVisBackend')]))
    runner.visualizer.close()
    file, = tmp_path.rglob('events.out.tfevents.*')
    read = event_accumulator.EventAccumulator(str(file)).Reload()
    assert [point.step for point in read.Scalars('network/sparsity')] == [1, 2]
    assert read.Scalars('network/sparsity')[-1].value == pytest.approx(0.5, abs=1e-3)
    search = by_kind(events(runner), 'search')[0]
    histogram, = read.Histograms('importance/3x3')
    assert histogram.step == 2
    assert histogram.histogram_value.num == sum(search['importance'][3]) > 0


def test_a_file_that_was_lost_before_a_resume_is_there_again(tmp_path):
    """The supernet's widths and each event's network come from the checkpoint."""
    train(tmp_path, checkpoint=dict(interval=1))
    whole = timeline.read(tmp_path)
    assert any(e['removed'] for e in by_kind(whole[1], 'search') if e['step'] == 2)
    for damage in ('lost', 'cut off'):
        path = tmp_path / timeline.FILE
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(''.join(lines[:2]) if damage == 'cut off' else '')
        train(tmp_path, checkpoint=dict(interval=1), resume=True,
              load_from=str(tmp_path / 'epoch_3.pth'))
        assert timeline.read(tmp_path) == whole


@pytest.mark.parametrize('content', [
    None, 3, {}, dict(run=None, entries=[]), dict(run={'widths': 1}, entries=[{}]),
    dict(run={'kind': 'nonsense'}, entries=[1])])
def test_nonsense_in_a_checkpoint_is_passed_over(content):
    run, entries = timeline.check_timeline(content)
    assert run == {} and not any(entries)
    assert timeline.complete([dict(kind='prune', step=1)], entries) == [dict(kind='prune', step=1)]
