"""Two-in-one training of a network that knows nothing of it, to the ticket and beyond."""
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import any_nets
import pytest
import tiny
import torch
from mmengine.runner import Runner

from mmst.cli.main import main
from mmst.costs.network_costs import NetworkCosts
from mmst.deploy.export.deployed import Deployed, smallest
from mmst.deploy.export.onnx_file import check_onnx, export_onnx
from mmst.engine import FixedMaskHook, SearchHook
from mmst.engine.run import offered_units
from mmst.engine.run.runner_views import averaged_model, find_hook, unwrap
from mmst.errors import ConfigError, TicketError
from mmst.openmmlab.safe_checkpoints import safe_load
from mmst.search.adapters import accept_searched_states
from mmst.search.graph.channels import channels_of
from mmst.search.units import find_units
from mmst.tickets import Ticket

EPOCHS = 4


@torch.no_grad()
def weaken(runner):
    """The first third of each group's units lose their importance, also in the average."""
    for model in (unwrap(runner), averaged_model(runner).module):
        for group in find_units(model).values():
            for scale in group.scales:
                scale.parameter.index_fill_(
                    scale.dim, scale.index[:len(group) // 3].flatten(), 0)


def make(folder, model=any_nets.MODEL, weak=True, **changes):
    settings = dict(dict(ticket=True, checkpoint=dict(interval=1)), **changes)
    cfg = tiny.config(folder, EPOCHS, **settings)
    cfg.model = model
    runner = Runner.from_cfg(cfg)
    if weak:
        runner.register_hook(tiny.Probe(after_train_epoch=weaken), 60)
    return runner


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    runner = make(tmp_path_factory.mktemp('any'))
    runner.train()
    return runner


@pytest.fixture(scope='module')
def ticket(run):
    return Ticket.load(f'{run.work_dir}/ticket.pth')


@pytest.fixture
def image():
    return torch.randn(2, 3, *tiny.SIZE)


def test_search_removes_channels_of_every_group_and_training_goes_on(run):
    searches = [event for event in tiny.events(run) if event['kind'] == 'search']
    assert [event['step'] for event in searches] == [2, 4]
    groups = find_units(unwrap(run))
    for event in searches:
        assert {removed['group'] for removed in event['removed']} == set(groups)
    assert searches[1]['macs'] < searches[0]['macs'] < find_supernet(run)['macs']


def find_supernet(run):
    return find_hook(run, SearchHook).supernet


def test_optimizer_state_and_masks_have_the_shapes_that_are_left(run):
    optimizer = run.optim_wrapper.optimizer
    for p in unwrap(run).parameters():
        for value in optimizer.state[p].values():
            assert not torch.is_tensor(value) or value.dim() == 0 or value.shape == p.shape
    assert {id(p) for group in optimizer.param_groups for p in group['params']} == {
        id(p) for p in unwrap(run).parameters()}
    for p, mask in run.optim_wrapper.masks.items():
        assert mask['pruned'].shape == p.shape and not bool(p[mask['pruned']].any())


@pytest.mark.by_turns(3)
def test_ticket_is_rebuilt_without_a_config_in_another_process(run, ticket, image, tmp_path):
    network = averaged_model(run).module.eval()
    torch.save(image, tmp_path / 'image.pth')
    program = ('import sys, torch, any_nets; from mmst.tickets import Ticket\n'
               'with torch.no_grad(): torch.save(Ticket.load(sys.argv[1]).build()(torch.load('
               'sys.argv[2])), sys.argv[3])')
    subprocess.run([sys.executable, '-c', program, f'{run.work_dir}/ticket.pth',
                    str(tmp_path / 'image.pth'), str(tmp_path / 'out.pth')], check=True,
                   env=dict(os.environ, PYTHONPATH=str(Path(any_nets.__file__).parent)))
    with torch.no_grad():
        assert torch.equal(torch.load(tmp_path / 'out.pth'), network(image))
    widths = ticket.meta['channels']['widths']
    assert widths == {name: len(group) for name, group in find_units(network).items()}


def test_part_of_a_ticket_is_rebuilt_alone(ticket, image):
    with torch.no_grad():
        alone, whole = ticket.build('backbone')(image), ticket.build().backbone(image)
    assert all(torch.equal(a, b) for a, b in zip(alone, whole, strict=True))


def test_supernet_of_a_ticket_has_all_channels(ticket, run):
    assert sum(p.numel() for p in ticket.supernet().parameters()) == find_supernet(run)['params']


@pytest.mark.parametrize('epoch', [1, 3], ids=['before the first search', 'between two'])
def test_resumed_run_ends_bit_for_bit_like_the_run_itself(run, tmp_path, monkeypatch, epoch):
    def fail(*_):
        raise AssertionError('the channels of a resumed run are those of its checkpoint')

    monkeypatch.setattr(offered_units, 'find_plan', fail)
    again = make(tmp_path, load_from=f'{run.work_dir}/epoch_{epoch}.pth', resume=True)
    again.train()
    for one, other in ((unwrap(again), unwrap(run)),
                       (averaged_model(again).module, averaged_model(run).module)):
        expected = other.state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in one.state_dict().items())


def test_checkpoint_loads_into_a_network_that_knows_of_it(run):
    content = safe_load(f'{run.work_dir}/epoch_3.pth')
    model = any_nets.MODELS.build(any_nets.MODEL)
    with pytest.raises(RuntimeError, match='size mismatch'):
        model.load_state_dict(content['state_dict'])
    accept_searched_states(model, content).load_state_dict(content['state_dict'])


def test_ticket_that_was_changed_is_refused_by_the_network(ticket):
    channels = ticket.meta['channels']
    for change in (dict(sizes=[['backbone.no.weight', 0, 8]]), dict(groups=3),
                   dict(sizes=[[*side[:2], side[2] + 1] for side in channels['sizes']])):
        other = Ticket(ticket.model, ticket.state_dict, ticket.mask,
                       dict(ticket.meta, channels=dict(channels, **change)))
        with pytest.raises(TicketError, match='channels of the network'):
            other.build()


def test_state_that_no_search_can_have_left_is_refused(ticket):
    state = dict(ticket.state_dict)
    state['backbone.residual.one.0.0.weight'] = state['backbone.residual.one.0.0.weight'][1:]
    with pytest.raises(TicketError, match='no search can have left'):
        Ticket(ticket.model, state, ticket.mask, ticket.meta).build()


def fixed(folder, path, model=any_nets.MODEL, **settings):
    cfg = tiny.config(folder, 1, search=False, prune=False, ticket=True)
    cfg.model = model
    cfg.default_hooks['prune'] = dict(type='mmst.FixedMaskHook', ticket=path, **settings)
    return Runner.from_cfg(cfg)


def test_ticket_is_retrained_with_its_channels_and_mask(run, ticket, tmp_path):
    runner = fixed(tmp_path, f'{run.work_dir}/ticket.pth')
    runner.train()
    again = Ticket.load(tmp_path / 'ticket.pth')
    assert again.meta['channels']['widths'] == ticket.meta['channels']['widths']
    assert all(torch.equal(again.mask[name], keep) for name, keep in ticket.mask.items())
    assert find_hook(runner, FixedMaskHook).sparsity == ticket.sparsity


@pytest.mark.parametrize('start', ['random_pruning', 'reinitialize'])
def test_ticket_is_retrained_from_other_weights(run, tmp_path, start):
    fixed(tmp_path, f'{run.work_dir}/ticket.pth', start=start).train()


def test_backbone_is_transferred_under_a_head_for_other_classes(run, ticket, tmp_path):
    model = dict(any_nets.MODEL, classes=2 * any_nets.CLASSES)
    runner = fixed(tmp_path, f'{run.work_dir}/ticket.pth', model, parts=['backbone'])
    runner.train()
    head = unwrap(runner).decode_head
    assert head[0][0].in_channels == ticket.state_dict['decode_head.0.0.weight'].shape[1]
    assert head[2].out_channels == 2 * any_nets.CLASSES
    assert Ticket.load(tmp_path / 'ticket.pth').build() is not None


def test_declared_units_alone_are_none_here(tmp_path):
    with pytest.raises(ConfigError, match='no search units'):
        make(tmp_path, search=dict(units='declared')).train()


@pytest.mark.parametrize('key,value', [('units', 'traced'), ('importance', 'median')])
def test_unknown_choice_is_refused(tmp_path, key, value):
    with pytest.raises(ConfigError, match=f'SearchHook.{key}'):
        make(tmp_path, search={key: value})


def test_modules_that_declare_units_keep_offering_them(tmp_path):
    runner = tiny.make(tmp_path)
    runner.train()
    assert channels_of(unwrap(runner)) is None


def test_weights_that_a_run_starts_from_fill_the_whole_network(run, tmp_path):
    path = tmp_path / 'start.pth'
    state = any_nets.MODELS.build(any_nets.MODEL).state_dict()
    torch.save(dict(state_dict=state), path)
    runner = make(tmp_path, load_from=str(path), weak=False)
    seen = {}
    runner.register_hook(tiny.Probe(before_train_epoch=lambda r: seen.setdefault(
        'first', {k: v.clone() for k, v in unwrap(r).state_dict().items()})), 90)
    runner.train()
    assert all(torch.equal(seen['first'][key], value) for key, value in state.items())


@pytest.mark.parametrize('reactivation', ['search', 'prune'], ids=['IR-S', 'IR-P'])
def test_reactivation_returns_weights_of_coupled_channels(tmp_path, reactivation):
    runner = make(tmp_path, prune=dict(reactivation=reactivation))
    runner.train()
    found = [event for event in tiny.events(runner) if event['kind'] == 'reactivate']
    assert any(event['revived'] for event in found)
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert ticket.sparsity == pytest.approx(0.5, abs=0.01)


def test_search_ends_where_its_target_is_met(tmp_path):
    whole = NetworkCosts(tiny.SIZE)(any_nets.MODELS.build(any_nets.MODEL))['macs']
    runner = make(tmp_path, search=dict(target_flops=0.8 * whole))
    runner.train()
    searches = [event for event in tiny.events(runner) if event['kind'] == 'search']
    assert 0.7 * whole < searches[-1]['macs'] <= 0.8 * whole
    assert sum(len(event['removed']) for event in searches)


def test_ticket_costs_on_the_command_line_what_its_run_says(run, tmp_path, capsys):
    assert main(['cost', f'{run.work_dir}/ticket.pth', '--out', str(tmp_path / 'cost.json')]) == 0
    total = json.loads((tmp_path / 'cost.json').read_text())['searched']['total']
    printed = json.loads(Path(run.work_dir, 'ticket.json').read_text())
    assert total['params'] == printed['params']['searched']
    assert total['macs'] == printed['macs']['searched']


@pytest.mark.by_turns(3)
def test_onnx_of_a_ticket_holds_what_is_left_and_gives_its_outputs(ticket, tmp_path):
    pytest.importorskip('onnxruntime')
    onnx = pytest.importorskip('onnx')
    network, path = Deployed(smallest(ticket), tiny.SIZE), tmp_path / 'ticket.onnx'
    export_onnx(network, str(path))
    image = torch.randn(2, 3, *tiny.SIZE)
    assert check_onnx(str(path), network, image) < 1e-5
    assert torch.allclose(network(image), ticket.build()(image, None), atol=1e-5)
    numbers = sum(math.prod(tensor.dims) for tensor in onnx.load(path).graph.initializer)
    # The whole network's norms may have gone into its convolutions: their weights remain.
    assert numbers < sum(p.numel() for p in ticket.supernet().parameters() if p.dim() > 1)
