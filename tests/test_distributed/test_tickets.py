"""Fixed masks, rewind points and pruning once on two processes."""
import json

import pytest
import rank_tickets
import ranks
import torch
from mmengine.registry import init_default_scope
from rank_jobs import digest
from tiny_street import load_tool, make_streets, write_config

from mmst.engine.build import build_model
from mmst.engine.run.config_file import read_config
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket
from mmst.tickets.described import model_config


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """Work dir of a two-in-one run on two processes, and its weights at the start of each."""
    folder = tmp_path_factory.mktemp('source')
    return folder, ranks.run(2, rank_tickets.train_with_rewind, str(folder))


def learnt(epoch):
    """Without BN statistics: each rank has its own until they are recalibrated."""
    return {key: value for key, value in epoch['digests'].items() if 'statistics' not in key[0]}


def test_rewind_points_are_written_once_and_hold_what_all_ranks_began_with(source):
    folder, ((left, first), (right, second)) = source
    assert [epoch['digests'] for epoch in left] == [epoch['digests'] for epoch in right]
    assert sorted(path.name for path in (folder / 'rewind').iterdir()) == ['0.pth', '1.pth']
    assert first == second
    point = Ticket.load(folder / 'rewind' / '0.pth')
    assert {name: digest(value) for name, value in point.state_dict.items()} == first


@pytest.mark.parametrize('start', ['ticket', 'reinitialize', 'rewind/0.pth'])
def test_ranks_train_alike_under_a_fixed_mask(source, tmp_path, start):
    folder, _ = source
    begin = folder / start if start.endswith('.pth') else start
    left, right = ranks.run(
        2, rank_tickets.train_fixed, str(tmp_path), folder / 'ticket.pth', begin)
    assert [learnt(epoch) for epoch in left] == [learnt(epoch) for epoch in right]
    masks = [{key: value for key, value in epoch['digests'].items() if key[0] == 'masks'}
             for epoch in left]
    assert masks[0] and masks[0] == masks[1]
    before, after = Ticket.load(folder / 'ticket.pth'), Ticket.load(tmp_path / 'ticket.pth')
    assert all(torch.equal(before.mask[name], after.mask[name]) for name in before.mask)


@pytest.mark.by_turns(5)
def test_two_processes_prune_a_network_like_one(tmp_path):
    """One that nobody has trained: what goes is what is smallest of it."""
    config = write_config(tmp_path / 'tiny.py', make_streets(tmp_path / 'streets'))
    cfg, network = read_config(config), tmp_path / 'network.pth'
    init_default_scope(cfg.default_scope)
    Ticket.from_model(build_model(cfg), model_config(cfg), Mask({}),
                      dict(default_scope='mmseg', input_shape=[32, 64])).save(network)
    codes = ranks.run(2, rank_tickets.call_tool, 'prune', config, network,
                      '--sparsity', 0.8, '--work-dir', tmp_path / 'two')
    assert codes == [0, 0]
    assert call('prune', config, network, '--sparsity', 0.8, '--work-dir', tmp_path / 'one') == 0
    two, one = (Ticket.load(tmp_path / name / 'ticket.pth') for name in ('two', 'one'))
    assert all(torch.equal(two.mask[name], one.mask[name]) for name in one.mask)
    metrics = json.loads((tmp_path / 'two' / 'ticket.json').read_text())['metrics']
    assert set(metrics) == {'mIoU', 'mAcc', 'aAcc'}


def call(name, *args):
    return load_tool(name).main([str(arg) for arg in args])
