"""Compacting tickets of any network: what is dead goes, outputs stay."""
import any_nets
import pytest
import torch
from small_nets import randomise_norms

from mmst.deploy.compact import compact
from mmst.deploy.comparison import largest_difference
from mmst.errors import ConfigError, TicketError
from mmst.pruning.mask import Mask
from mmst.pruning.prunable import PRUNABLE
from mmst.search.graph.build import find_plan
from mmst.search.graph.channels import attach
from mmst.search.units import find_units
from mmst.tickets import Ticket

SIZE = (16, 16)


def ticket(sparsity=.5, dead=True):
    """Weights are pruned at random; of one group every second channel is read by nothing."""
    torch.manual_seed(1)
    model = randomise_norms(any_nets.MODELS.build(any_nets.MODEL)).eval()
    attach(model, find_plan(model, SIZE))
    kept = {f'{path}.weight': torch.rand(m.weight.shape) >= sparsity
            for path, m in model.named_modules() if isinstance(m, PRUNABLE)}
    if dead:
        kept['backbone.residual.one.2.0.weight'][:, ::2] = False
    return Ticket.from_model(model, any_nets.MODEL, Mask(kept), dict(input_shape=SIZE,
                                                                    default_scope='mmengine'))


def test_channels_that_nothing_reads_go_and_outputs_stay():
    before = ticket()
    after = compact(before)
    assert after.meta['channels']['widths']['backbone.residual.one.0.0.channels'] <= 3
    assert sum(v.numel() for v in after.state_dict.values()) < sum(
        v.numel() for v in before.state_dict.values())
    assert largest_difference(before.build(), after.build(), SIZE) < 1e-5


def test_channels_whose_makers_are_removed_die_with_them():
    """At high sparsity whole chains are dead."""
    before = ticket(.97)
    after = compact(before)
    assert largest_difference(before.build(), after.build(), SIZE) < 1e-5
    widths = after.meta['channels']['widths']
    assert all(n >= 1 for n in widths.values())
    assert sum(widths.values()) < .8 * sum(before.meta['channels']['widths'].values())
    assert compact(after).meta['channels']['widths'] == widths


def test_channels_whose_scales_and_shifts_are_0_go():
    before = ticket(0., dead=False)
    state = {name: value.clone() for name, value in before.state_dict.items()}
    for name in ('weight', 'bias'):
        state[f'backbone.residual.one.0.1.{name}'][:4] = 0
    before = before.with_weights(state)
    after = compact(before)
    assert after.meta['channels']['widths']['backbone.residual.one.0.0.channels'] == 2
    assert largest_difference(before.build(), after.build(), SIZE) < 1e-5


def test_mask_of_what_is_left_goes_with_it(tmp_path):
    after = compact(ticket())
    after.save(tmp_path / 'compact.pth')
    again = Ticket.load(tmp_path / 'compact.pth')
    again.mask.check_fits({name: v.shape for name, v in again.state_dict.items()})
    assert len(find_units(again.build())) == 7


def test_counts_are_left_in_multiples():
    widths = compact(ticket(.97), multiple=2).meta['channels']['widths']
    full = {name: len(group) for name, group in find_units(ticket().build()).items()}
    assert all(n % 2 == 0 or n == full[name] for name, n in widths.items())
    with pytest.raises(ConfigError, match='multiple'):
        compact(ticket(), multiple=0)


def test_ticket_of_a_network_that_tells_no_channels_is_refused():
    plain = ticket()
    meta = {key: value for key, value in plain.meta.items() if key != 'channels'}
    with pytest.raises(TicketError, match='cannot be compacted'):
        compact(Ticket(plain.model, plain.state_dict, plain.mask, meta))
