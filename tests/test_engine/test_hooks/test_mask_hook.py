"""Which mask is in force at each event, and that what was never trained enters no ticket."""
import pytest
import torch
from tiny import WEAKEN, events, find_hook, make, timeline

from mmst.engine import PruneHook
from mmst.engine.run.events import KEY
from mmst.tickets import Ticket

KINDS = ('search', 'prune', 'reactivate')
#: Searches that remove nothing.
KEEP_UNITS = dict(rho=0., threshold=1e-30)
MARK = 7.


def train(work_dir, epochs, search, prune, probes=(), keep_units=True, **settings):
    """A run that looks at the mask when an event is recorded; it and what was found."""
    runner = make(work_dir, epochs, length=4, ticket=True, probes=probes, **settings,
                  search=dict(interval=search, **(KEEP_UNITS if keep_units else {})),
                  prune=dict(schedule='one_shot', sparsity=0.4, **prune))
    hub, found = runner.message_hub, []
    record = hub.update_info

    def watch(key, value, *args, **kwargs):
        record(key, value, *args, **kwargs)
        if key == KEY and value[-1]['kind'] in KINDS:
            mask = find_hook(runner, PruneHook).mask_in_force(runner)
            found.append((value[-1]['kind'], value[-1]['step'],
                          None if mask is None else round(mask.sparsity, 3)))

    hub.update_info = watch
    runner.train()
    return runner, found


#: Prunes at 2, 4, 6; searches at 3 and 6, which is the end.
ZERO = {
    'search': [('prune', 2, .4), ('search', 3, .4), ('reactivate', 3, None), ('prune', 4, .4),
               ('search', 6, .4), ('reactivate', 6, None), ('prune', 6, .4)],
    'prune': [('prune', 2, .4), ('reactivate', 2, None), ('search', 3, None), ('prune', 4, .4),
              ('reactivate', 4, None), ('search', 6, None), ('prune', 6, .4)]}
IN_FORCE = {
    ('search', 'zero'): ZERO['search'], ('prune', 'zero'): ZERO['prune'],
    ('search', 'value'): [e for e in ZERO['search'] if e[:2] != ('reactivate', 6)],
    ('prune', 'value'): ZERO['prune']}


@pytest.mark.parametrize('reactivation,revive', IN_FORCE)
def test_the_mask_in_force_at_each_event(tmp_path, reactivation, revive):
    _, found = train(tmp_path, 6, 3, dict(interval=2, reactivation=reactivation, revive=revive))
    assert found == IN_FORCE[reactivation, revive]


@pytest.mark.parametrize('reactivation,revive', IN_FORCE)
def test_the_mask_in_force_where_the_last_search_follows_the_last_prune(tmp_path, reactivation,
                                                                        revive):
    """Prune at 2, searches at 3 and 4; the end is at 4, where IR-P and ``zero`` draw again."""
    _, found = train(tmp_path, 4, 1, dict(interval=3, reactivation=reactivation, revive=revive))
    start = [('search', 1, None), ('search', 2, None), ('search', 3, None), ('prune', 3, .4)]
    ends = {('search', 'zero'): [('search', 4, .4), ('reactivate', 4, None), ('prune', 4, .4)],
            ('search', 'value'): [('search', 4, .4)]}
    by_prune = [('reactivate', 3, None), ('search', 4, None), ('prune', 4, .4)]
    assert found == start + ends.get((reactivation, revive), by_prune)


# -------------------------------------------------------------- nothing untrained in the ticket


def mark(epoch):
    """A probe: before the search of an epoch's end, the values under the mask are large, and so
    would win every draw."""

    @torch.no_grad()
    def act(runner):
        if runner.epoch + 1 == epoch:
            for state in runner.optim_wrapper.masks.values():
                state['value'][state['pruned']] = MARK

    return 69, dict(after_train_epoch=act)


def stop(epoch):
    """A probe: the run is stopped after an epoch, as by an ``EarlyStoppingHook``."""

    def act(runner):
        runner.train_loop.stop_training |= runner.epoch + 1 == epoch

    return 95, dict(after_train_epoch=act)


ENDS = {'planned': (4, dict(interval=3), [mark(4)]),
        'at a prune, too': (4, dict(interval=2), [mark(4)]),
        'stopped early': (9, dict(interval=3), [mark(4), stop(4)])}


@pytest.mark.parametrize('keep_units', [True, False], ids=['all units left', 'units removed'])
@pytest.mark.parametrize('end', ENDS)
def test_old_values_that_were_not_trained_enter_no_ticket(tmp_path, end, keep_units):
    epochs, prune, probes = ENDS[end]
    runner, _ = train(tmp_path, epochs, 4, dict(prune, revive='value'), keep_units=keep_units,
                      probes=[*probes, *([] if keep_units else [WEAKEN])], ema=False)
    assert events(runner)[-1]['step'] == 4
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert not any((ticket.state_dict[name] == MARK).any() for name in ticket.mask)
    assert ticket.sparsity >= 0.4 - 1e-9
    if keep_units:
        last = Ticket.load(tmp_path / 'tickets' / f'{4 - 4 % prune["interval"]}.pth')
        assert all(torch.equal(ticket.mask[name], last.mask[name]) for name in last.mask)


def test_old_values_that_were_trained_may_enter_it(tmp_path):
    """An epoch follows the search, and the last prune is after that."""
    train(tmp_path, 5, 4, dict(interval=3, revive='value'), probes=[mark(4)], ema=False)
    ticket = Ticket.load(tmp_path / 'ticket.pth')
    assert any((ticket.state_dict[name] > MARK / 2).any() for name in ticket.mask)


def test_a_run_stopped_early_at_a_search_is_resumed_to_the_same_ticket(tmp_path):
    """Killed after its last checkpoint, before the ticket was written."""
    settings = dict(prune=dict(interval=3, revive='value'), ema=False)
    whole, _ = train(tmp_path, 9, 4, probes=[mark(4), stop(4)], checkpoint=dict(interval=1),
                     **settings)
    again, _ = train(tmp_path / 'again', 9, 4, resume=True,
                     load_from=str(tmp_path / 'epoch_4.pth'), **settings,
                     probes=[(99, dict(before_train=lambda runner: setattr(
                         runner.train_loop, 'stop_training', True)))])
    first, second = (Ticket.load(path / 'ticket.pth') for path in (tmp_path, tmp_path / 'again'))
    assert all(torch.equal(first.state_dict[n], second.state_dict[n]) for n in first.state_dict)
    assert timeline(whole, 'prune') == timeline(again, 'prune') == [('prune', 3)]
