"""Rewinding: surviving indices are mapped back to the earlier, wider network."""
import pytest
import torch
from tiny import WEAKEN, run, weaken

from mmst.errors import MMSTError, TicketError
from mmst.search.units import find_units
from mmst.tickets import Ticket
from mmst.tickets.rewind import positions, rewind
from mmst.tickets.starting_point import starting_point

POINTS = [dict(type='mmst.RewindHook', epochs=[0, 1, 2, 4])]
RUN = dict(ticket=True, length=4, custom_hooks=POINTS)


def one_by_one():
    """Other units of each group go at each of two searches."""
    return [(60, dict(after_train_epoch=weaken(0.3, seed=1, epoch=2))),
            (61, dict(after_train_epoch=weaken(0.3, seed=2, epoch=4)))]


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp('searched')
    run(folder, 4, prune=dict(sparsity=0.5, interval=2), model=dict(transformer='all'),
        probes=one_by_one(), **RUN)
    return folder


def files(folder, *steps):
    return [Ticket.load(folder / 'ticket.pth')] + [
        Ticket.load(folder / 'rewind' / f'{step}.pth') for step in steps]


def sliced(point, before, after):
    """The point's weights with the survivors' indices taken in plain indexing, tensor by tensor.

    By the layout that a search block has: hidden channels are ordered by kernel size, a
    Transformer's tokens are rows of the projection, its norm and the queries.
    """
    network = point.build()
    state = {name: t.clone() for name, t in network.state_dict().items()}
    modules = dict(network.named_modules())
    for name, units in after.items():
        keep = torch.tensor([before[name].index(unit) for unit in units], dtype=torch.long)
        path, _, kind = name.rpartition('.')
        if kind == 'channels' or hasattr(modules[path], 'depthwise'):
            _slice_mixconv(state, path, modules[path], keep)
    return state


def _slice_mixconv(state, path, mixconv, keep):
    for key in ('expand.weight', *(f'{bn}.{t}' for bn in ('expand_bn', 'depthwise_bn')
                                   for t in ('weight', 'bias', 'running_mean', 'running_var'))):
        state[f'{path}.{key}'] = state[f'{path}.{key}'][keep]
    start = 0
    for i, width in enumerate(mixconv.widths):
        own = keep[(keep >= start) & (keep < start + width)] - start
        state[f'{path}.depthwise.{i}.weight'] = state[f'{path}.depthwise.{i}.weight'][own]
        start += width
    state[f'{path}.project.weight'] = state[f'{path}.project.weight'][:, keep]


def test_units_were_removed_at_both_searches(searched):
    ticket, start, middle = files(searched, 0, 2)
    left = [sum(map(len, t.meta['survivors'].values())) for t in (start, middle, ticket)]
    assert left[0] > left[1] > left[2] > 0


@pytest.mark.parametrize('step', [0, 1, 2])
def test_rewound_weights_are_those_of_the_survivors(searched, step):
    ticket, point = files(searched, step)
    rewound = rewind(ticket, point)
    wanted = sliced(point, point.meta['survivors'], ticket.meta['survivors'])
    compared = 0
    for name, value in rewound.state_dict.items():
        full = '.mixconv.' in name and value.numel() and wanted[name].shape == value.shape
        if full or ('.transformer.' not in name and '.mixconv.' not in name):
            kept = ticket.mask.get(name, torch.ones_like(value, dtype=torch.bool))
            assert torch.equal(value, wanted[name].where(kept, torch.zeros(()))), name
            compared += 1
    assert compared > 50


def test_tokens_are_mapped_back_too(searched):
    """Each token's importance factor is known by its value, which differs from token to token."""
    ticket, point = files(searched, 1)
    network = point.build()
    with torch.no_grad():
        for group in find_units(network).values():
            group.bn.weight.copy_(torch.arange(len(group)))
    rewound = rewind(ticket, point.with_weights(network.state_dict())).build()
    groups, after, before = find_units(rewound), ticket.meta['survivors'], point.meta['survivors']
    assert any(group.kind == 'token' for group in groups.values())
    for name, group in groups.items():
        assert [before[name][int(v)] for v in group.bn.weight] == after[name]


@pytest.mark.parametrize('step', [0, 2])
def test_a_network_that_never_learns_rewinds_to_itself(tmp_path, step):
    """End to end with a learning rate of 0: what the ticket has are the initial weights."""
    run(tmp_path, 4, prune=dict(sparsity=0.5, interval=2), ema=False, search=dict(rho=0.),
        optimizer=dict(type='SGD', lr=0.), probes=one_by_one(), model=dict(transformer='all'),
        **RUN)
    ticket, point = files(tmp_path, step)
    rewound, names = rewind(ticket, point), set()
    for name, value in ticket.state_dict.items():
        if name.endswith(('weight', 'queries')) and '_bn' not in name and value.dim() > 1:
            assert torch.equal(rewound.state_dict[name], value), name
            names.add(name)
    assert any('.transformer.' in name for name in names) and len(names) > 20
    assert rewound.model == ticket.model


def test_a_rewound_ticket_keeps_architecture_and_mask_and_builds(searched):
    ticket, point = files(searched, 0)
    rewound = rewind(ticket, point)
    assert rewound.model == ticket.model
    assert all(torch.equal(rewound.mask[name], kept) for name, kept in ticket.mask.items())
    rewound.check()
    rewound.build()


def test_positions_count_among_those_left_before():
    assert positions({'a': [1, 4, 6, 9]}, {'a': [4, 9]}) == {'a': [1, 3]}
    assert positions({'a': [0, 1]}, {'a': []}) == {'a': []}


@pytest.mark.parametrize('before, after', [({'a': [0]}, {'b': [0]}), ({'a': [0]}, {'a': [1]})])
def test_survivors_of_another_run_are_refused(before, after):
    with pytest.raises(TicketError, match=r'not of one run.*Remedy'):
        positions(before, after)


def test_points_are_plain_files_without_optimizer_state(searched):
    assert sorted(p.name for p in (searched / 'rewind').iterdir()) == [
        '0.pth', '1.pth', '2.pth', '4.pth']
    point = torch.load(searched / 'rewind' / '0.pth', weights_only=True)
    assert set(point) == {'format', 'version', 'digest', 'model', 'state_dict', 'mask',
                          'meta'}


def test_a_resumed_run_keeps_the_initial_weights_of_its_start(tmp_path):
    every = dict(checkpoint=dict(interval=1, max_keep_ckpts=-1), **RUN)
    run(tmp_path, 4, probes=[WEAKEN], **every)
    before = (tmp_path / 'rewind' / '0.pth').read_bytes()
    run(tmp_path, 4, load_from=str(tmp_path / 'epoch_2.pth'), resume=True, **every)
    assert (tmp_path / 'rewind' / '0.pth').read_bytes() == before


def test_a_point_that_was_not_saved_is_refused_with_those_that_were(searched):
    with pytest.raises(MMSTError, match=r'not saved; the run kept 0, 1, 2, 4.*Remedy'):
        starting_point(str(searched / 'ticket.pth'), str(searched / 'rewind' / '3.pth'))


@pytest.mark.parametrize('epochs', [[-1], [1.5], 'all', [True], [9]])
def test_epochs_that_make_no_sense_are_refused(tmp_path, epochs):
    with pytest.raises(MMSTError, match=r'RewindHook.epochs.*Remedy'):
        run(tmp_path, 2, custom_hooks=[dict(type='mmst.RewindHook', epochs=epochs)])


def test_a_point_whose_survivors_are_not_its_networks_is_refused(searched):
    ticket, point = files(searched, 1)
    survivors = point.meta['survivors']
    name = next(iter(survivors))
    survivors[name] = [*survivors[name], survivors[name][-1] + 1]
    with pytest.raises(TicketError, match='list of survivors has'):
        rewind(ticket, point)
