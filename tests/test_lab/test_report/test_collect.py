"""Reading a work directory."""
import json

import pytest
import tiny
from mmengine.config import Config
from mmengine.runner import Runner
from report_runs import log_losses, write_run

from mmst.engine import SearchHook
from mmst.engine.run import timeline
from mmst.engine.run.runner_views import find_hook
from mmst.errors import ConfigError, TicketError
from mmst.lab.report.collect import collect
from mmst.lab.report.logs import config_file, losses, starts
from mmst.lab.report.page import page
from mmst.lab.report.supernet import supernet_widths, widths_of_survivors


def test_a_finished_run_has_its_ticket_s_figures(tmp_path):
    data = collect(write_run(tmp_path / 'run'))
    assert data.finished and data.name == 'run' and data.last_step == 8
    assert data.summary['metrics'] == dict(mIoU=18.) and not data.notes
    assert data.before['backbone'].keys() == data.after['backbone'].keys()
    assert data.layers == data.summary['layer_sparsity']
    assert data.losses == [(1., 3.5), (2., 3.), (3., 2.5)]


def test_a_killed_run_has_the_figures_of_its_last_event(tmp_path):
    data = collect(write_run(tmp_path, killed=True))
    assert not data.finished and data.summary is None and data.last_step == 4
    assert data.supernet == data.run['supernet']
    assert data.after == data.entries[-1]['state']['widths']
    assert data.layers == data.entries[-1]['state']['layers']


def test_the_ticket_of_an_earlier_run_is_left_out_and_that_is_said(tmp_path):
    write_run(tmp_path)
    run, entries = timeline.read(tmp_path)
    timeline.begin(tmp_path, run, entries[:5])
    data = collect(tmp_path)
    assert not data.finished and 'of an earlier run, which ended at 8' in data.notes[0]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r'no such folder.*Remedy: '):
        collect(tmp_path / 'nowhere')
    with pytest.raises(ConfigError, match=r'holds no run.*Remedy: '):
        collect(tmp_path)


@pytest.mark.parametrize('content', ['{', '[]', '{"step": 8}'])
def test_a_damaged_summary_is_refused_by_name(tmp_path, content):
    write_run(tmp_path)
    (tmp_path / 'ticket.json').write_text(content)
    with pytest.raises(TicketError, match=r'ticket.json cannot be read.*Remedy: '):
        collect(tmp_path)


@pytest.mark.parametrize('path, value', [
    (('step', ), -1e300), (('sparsity', ), 1.5), (('params', 'sparse'), -1),
    (('macs', 'sparse'), 1e300), (('macs', 'searched'), float('nan'))])
def test_numbers_that_no_run_has_are_refused(tmp_path, path, value):
    write_run(tmp_path)
    file = tmp_path / 'ticket.json'
    content = json.loads(file.read_text())
    part = content
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    file.write_text(json.dumps(content))
    with pytest.raises(TicketError, match=r'ticket.json cannot be read.*no entry that a run'):
        collect(tmp_path)


def test_what_is_missing_is_said(tmp_path):
    write_run(tmp_path)
    (tmp_path / 'narrow.py').unlink()
    assert collect(tmp_path).notes == ['The work directory has no config.']
    (tmp_path / 'narrow.py').write_text('model = (')
    assert 'narrow.py cannot be read' in collect(tmp_path).notes[0]


def test_a_damaged_checkpoint_is_said(tmp_path):
    write_run(tmp_path)
    (tmp_path / 'epoch_8.pth').write_bytes(b'half')
    assert 'epoch_8.pth' in collect(tmp_path).notes[0]


# ------------------------------------------------------------------------------------- logs


def test_of_iterations_that_were_done_twice_the_resumed_ones_count(tmp_path):
    log_losses(tmp_path, '20240101_100000', {10: 3.5, 20: 3., 30: 2.5})
    log_losses(tmp_path, '20240102_100000', {20: 2.9, 40: 2.})
    assert losses(tmp_path) == [(10, 3.5), (20, 2.9), (40, 2.)]
    assert starts(tmp_path) == ['20240101_100000', '20240102_100000']


def test_half_written_lines_of_a_log_are_passed_over(tmp_path):
    log_losses(tmp_path, '20240101_100000', {10: 3.5})
    with open(tmp_path / '20240101_100000/vis_data/scalars.json', 'a') as file:
        file.write('{"loss": 3.')
    assert losses(tmp_path) == [(10, 3.5)]


def test_of_several_configs_the_last_process_s_counts(tmp_path):
    assert config_file(tmp_path) is None
    for name in ('a.py', 'b.py'):
        (tmp_path / name).write_text('')
    log_losses(tmp_path, '20240101_100000', {})
    written = tmp_path / '20240101_100000/vis_data/config.py'
    written.write_text('')
    assert config_file(tmp_path) == written
    (tmp_path / 'b.py').unlink()
    assert config_file(tmp_path) == tmp_path / 'a.py'


# --------------------------------------------------------------------------------- supernet


def test_the_supernet_is_built_where_the_timeline_does_not_tell(tmp_path):
    write_run(tmp_path)
    data = collect(tmp_path)
    assert supernet_widths(data.cfg.model) == data.before
    assert supernet_widths(dict(backbone=dict(type='ResNet', depth=18))) == {}


def test_survivors_are_counted_by_kernel_size():
    before = dict(backbone=dict(b=dict(channels={'3': 4, '5': 4}, tokens=3)))
    survivors = {'backbone.b.mixconv.channels': [0, 3, 4], 'backbone.b.transformer.tokens': [2]}
    assert widths_of_survivors(before, survivors) == dict(
        backbone=dict(b=dict(channels={'3': 2, '5': 1}, tokens=1)))
    assert widths_of_survivors(before, {}) == before
    assert json.loads(json.dumps(before)) == before


# --------------------------------------------------------------------------------- real runs


def test_a_run_without_a_timeline_is_read_from_its_last_checkpoint(tmp_path):
    cfg = tiny.config(tmp_path, 3, checkpoint=dict(interval=2, save_last=False))
    runner = Runner.from_cfg(Config(cfg.to_dict()))  # not tiny's, which is not written as a file
    runner.register_hook(tiny.Probe(**tiny.WEAKEN[1]), tiny.WEAKEN[0])
    runner.train()
    data = collect(tmp_path)
    assert not data.finished and 'no timeline.jsonl' in data.notes[0]
    assert [(e['kind'], e['step']) for e in data.entries] == [
        event for event in tiny.timeline(runner) if event[1] <= 2]
    assert (data.unit, data.run['steps'], data.run['iterations_per_step']) == ('epoch', 3, 2)
    assert data.supernet == find_hook(runner, SearchHook).supernet
    search, = data.of_kind('search')
    assert sum(map(sum, search['importance'].values())) == total_units(data.before)
    gone = sum(n for r in search['removed'] for n in r['removed'].values())
    assert total_units(data.before) - total_units(data.after) == gone > 0
    assert 'Not finished: the last event was at epoch 2 of 3.' in page(data, [])


def total_units(widths):
    return sum(sum(w['channels'].values()) + w['tokens']
               for blocks in widths.values() for w in blocks.values())
