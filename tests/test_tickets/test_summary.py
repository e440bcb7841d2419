"""``ticket.json`` against counts of its own."""
import json
from dataclasses import replace

import pytest
import torch
from deploy_tickets import small_ticket
from tiny import SIZE, WEAKEN, TinySegmentor, events, run, unwrap
from torch import nn

from mmst.costs.table import ticket_table
from mmst.deploy.compact import compact
from mmst.models import get_widths
from mmst.models.hrnas.attention import Attention
from mmst.tickets import Ticket, summarize
from mmst.tickets.model_card import model_card


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A finished run, its ticket and its summary."""
    folder = tmp_path_factory.mktemp('trained')
    runner = run(folder, 3, val=1, scores=[0.9, 0.8, 0.25], ticket=True, probes=[WEAKEN],
                 model=dict(transformer='all'), prune=dict(sparsity=0.7))
    summary = json.loads((folder / 'ticket.json').read_text())
    return runner, Ticket.load(folder / 'ticket.pth'), summary


@torch.no_grad()
def counted_macs(model, mask=None):
    """Multiply-adds by running one image: outputs times weights that feed each (kept ones)."""
    macs = {}

    def conv(name, m, inputs, output):
        kept = mask[f'{name}.weight'] if mask and f'{name}.weight' in mask else torch.ones_like(
            m.weight)
        positions = output.numel() / m.weight.shape[0]
        macs[name] = float(kept.sum()) * positions

    def attention(name, m, inputs, output):
        queries, memory = inputs
        macs[name] = 2. * queries.shape[-2] * memory.shape[-2] * memory.shape[-1]

    handles = []
    for name, m in model.named_modules():
        count = conv if isinstance(m, (nn.Conv2d, nn.Linear)) else attention
        if isinstance(m, (nn.Conv2d, nn.Linear, Attention)):
            handles.append(m.register_forward_hook(
                lambda m, i, o, name=name, count=count: count(name, m, i, o)))
    model.eval()(torch.randn(1, 3, *SIZE))
    for handle in handles:
        handle.remove()
    return sum(macs.values())


def supernet(runner):
    return TinySegmentor(runner.cfg.model.backbone, runner.cfg.model.neck)


def test_sparsity_is_that_of_the_ticket_and_of_its_zeros(trained):
    _, ticket, summary = trained
    zeros = sum(int((ticket.state_dict[name] == 0).sum()) for name in ticket.mask)
    assert summary['sparsity'] == ticket.sparsity == zeros / ticket.mask.total
    for name, share in summary['layer_sparsity'].items():
        assert share == pytest.approx(float((ticket.state_dict[name] == 0).float().mean()))
    assert set(summary['layer_sparsity']) == set(ticket.mask)


def test_parameters_are_those_of_supernet_searched_network_and_ticket(trained):
    runner, ticket, summary = trained
    searched = list(ticket.build().parameters())
    pruned = ticket.mask.pruned
    assert summary['params'] == dict(
        supernet=sum(p.numel() for p in supernet(runner).parameters()),
        searched=sum(p.numel() for p in searched),
        sparse=sum(p.numel() for p in searched) - pruned)
    assert summary['params']['sparse'] < summary['params']['searched'] < summary['params'][
        'supernet']


def test_multiply_adds_are_counted_per_layer(trained):
    runner, ticket, summary = trained
    network = ticket.build()
    macs = summary['macs']
    assert macs['supernet'] == counted_macs(supernet(runner))
    assert macs['searched'] == counted_macs(network)
    assert macs['sparse'] == pytest.approx(counted_macs(network, ticket.mask))
    assert macs['sparse'] != pytest.approx(macs['searched'] * (1 - ticket.sparsity), rel=0.01)


def test_widths_are_those_of_the_searched_network(trained):
    runner, ticket, summary = trained
    for part in ('backbone', 'neck'):
        found = get_widths(getattr(unwrap(runner), part))
        assert summary['widths'][part] == json.loads(json.dumps(found))
        assert ticket.model[part]['widths'] == found
    assert summary['input_shape'] == list(SIZE)


def test_metrics_are_those_of_the_ticket(trained):
    _, _, summary = trained
    assert summary['metrics'] == dict(score=0.25)
    before = summary['before_last_prune']
    assert (before['step'], before['metrics'], before['at_target']) == (2, dict(score=0.8), False)


def test_it_says_when_and_with_which_settings_it_was_found(trained):
    runner, ticket, summary = trained
    assert summary['epoch'] == summary['step'] == 3 and summary['iter'] == runner.iter
    hooks = summary['settings']['default_hooks']
    assert hooks['prune']['sparsity'] == 0.7 and hooks['search']['interval'] == 2
    assert summary['settings']['optim_wrapper']['optimizer']['lr'] == 0.05
    assert summary['dataset_meta'] == dict(classes=['a', 'b', 'c'])
    assert summary['seed'] == 0 and set(summary['versions']) >= {'mmst', 'torch', 'mmengine'}
    assert all(summary[key] == json.loads(json.dumps(value))
               for key, value in ticket.meta.items() if key not in ('sparsity', 'input_shape'))


def test_the_timeline_agrees_with_it(trained):
    runner, _, summary = trained
    last = [e for e in events(runner) if e['kind'] == 'search'][-1]
    assert (last['params'], last['macs']) == (summary['params']['searched'],
                                              summary['macs']['searched'])
    prune = [e for e in events(runner) if e['kind'] == 'prune'][-1]
    assert prune['sparsity'] == summary['sparsity']


def test_without_a_search_the_supernet_is_the_network_itself(trained):
    _, ticket, _ = trained
    summary = summarize(replace(ticket, meta=dict(ticket.meta, supernet=None)), SIZE)
    assert summary['params']['supernet'] == summary['params']['searched']
    assert summary['macs']['supernet'] == summary['macs']['searched']


def test_a_compact_ticket_has_the_sparsity_it_was_made_at_and_the_weights_that_are_not_0():
    ticket = small_ticket('imagenet', sparsity=0.8)
    smaller = compact(ticket)
    summary = summarize(smaller, (40, 48))
    network = smaller.build()
    dense = {id(p) for m in network.backbone.modules()
             if isinstance(m, (nn.Conv2d, nn.Linear)) for p in [m.weight]}
    assert summary['sparsity'] == ticket.sparsity
    assert summary['params']['searched'] == sum(p.numel() for p in network.parameters())
    assert summary['params']['sparse'] == sum(
        int(p.count_nonzero()) if id(p) in dense else p.numel() for p in network.parameters())
    assert summary['params']['sparse'] < summary['params']['searched']
    assert summary['macs']['sparse'] < 0.7 * summary['macs']['searched']
    assert '80% of its prunable' in model_card(summary, 'folder')


def test_the_card_speaks_of_one_run_only_where_one_has_searched_and_pruned(trained):
    _, _, summary = trained
    text = 'one training run has removed whole channels'
    assert text in model_card(summary, 'folder')
    once = dict(summary, origin=dict(tool='prune'))
    assert text not in model_card(once, 'folder') and '70% of its prunable' in model_card(
        once, 'folder')
    assert text not in model_card(dict(summary, settings={}), 'folder')


def test_times_on_a_card_are_numbers(trained):
    _, _, summary = trained
    odd = dict(summary, milliseconds=dict(a=None, b='3', c=1.25))
    assert '| c | 1.2 ms |' in model_card(odd, 'folder')
    assert '| a' not in model_card(odd, 'folder') and '| b' not in model_card(odd, 'folder')


def test_a_supernet_that_nobody_knows_is_not_named(trained):
    _, ticket, known = trained
    assert summarize(ticket, SIZE)['params'] == known['params']
    meta = {key: value for key, value in ticket.meta.items() if key != 'supernet'}
    summary = summarize(replace(ticket, meta=meta), SIZE)
    assert {*summary['params']} == {*summary['macs']} == {'searched', 'sparse'}
    assert 'supernet' not in model_card(summary, 'folder')
    row, = [line for line in ticket_table(summary).splitlines() if 'supernet' in line]
    assert row.split() == ['supernet', '-', '-', '-']
