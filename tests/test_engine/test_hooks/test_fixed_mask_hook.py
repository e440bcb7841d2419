"""A ticket is trained under its own architecture and mask."""
from types import SimpleNamespace

import pytest
import torch
from opened import counting_opens, needs_inotify
from tiny import WEAKEN, averaged_model, find_hook, pruned_weights, run, timeline, unwrap

from mmst.engine import FixedMaskHook
from mmst.engine.run.coverage import log_coverage
from mmst.errors import ConfigError, MMSTError
from mmst.models.hrnas.widths import get_widths
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket


@pytest.mark.parametrize('setting', ['ticket', 'start', 'parts', 'neck_ticket'])
@pytest.mark.parametrize('value', [5, True, [1], {}, b'ticket.pth'], ids=str)
def test_settings_of_other_kinds_are_refused_in_one_line(setting, value):
    with pytest.raises(ConfigError, match=rf'^FixedMaskHook\.{setting} = [^\n]*Remedy: [^\n]*$'):
        FixedMaskHook(**{setting: value})


@pytest.fixture(scope='module')
def searched(tmp_path_factory):
    """Work directory of a two-in-one run with rewind points; some units were removed."""
    folder = tmp_path_factory.mktemp('searched')
    run(folder, 3, ticket=True, prune=dict(sparsity=0.6, schedule='one_shot'), probes=[WEAKEN],
        checkpoint=dict(interval=1, max_keep_ckpts=-1),
        custom_hooks=[dict(type='mmst.RewindHook', epochs=[0, 1, 3])])
    return folder


def retrain(folder, ticket, epochs=2, hook=None, **kwargs):
    fixed = dict(type='mmst.FixedMaskHook', ticket=ticket and str(ticket), **(hook or {}))
    return run(folder, epochs, search=False, prune=False, ticket=True, custom_hooks=[fixed],
               **kwargs)


def keeps_its_mask(found):
    """A probe: after every iteration, whether a pruned weight is not exactly 0."""

    def act(runner):
        for _, weight, copy, pruned in pruned_weights(runner):
            found.append(bool(weight[pruned].any()))
            if copy is not None:
                found.append(bool(copy[pruned].any()))

    return 80, dict(after_train_iter=act)


@pytest.mark.parametrize('ema', [True, False])
def test_architecture_and_mask_stay_and_weights_train(tmp_path, searched, ema):
    found = []
    runner = retrain(tmp_path, searched / 'ticket.pth', ema=ema, probes=[keeps_its_mask(found)])
    before, after = Ticket.load(searched / 'ticket.pth'), Ticket.load(tmp_path / 'ticket.pth')
    assert found and not any(found)
    assert all(torch.equal(before.mask[name], after.mask[name]) for name in before.mask)
    assert before.model == after.model and after.meta['survivors'] == before.meta['survivors']
    assert any(not torch.equal(before.state_dict[name], after.state_dict[name])
               for name in before.mask)
    assert timeline(runner, 'search', 'prune', 'reactivate') == [('prune', 0)]


def test_it_starts_from_the_tickets_weights(tmp_path, searched):
    ticket, states = Ticket.load(searched / 'ticket.pth'), []
    probe = (99, dict(before_train=lambda runner: states.extend(
        {k: v.clone() for k, v in m.state_dict().items()}
        for m in (unwrap(runner), averaged_model(runner).module))))
    retrain(tmp_path, searched / 'ticket.pth', epochs=1, probes=[probe])
    for state in states:
        assert all(torch.equal(state[name], value) for name, value in ticket.state_dict.items())


@needs_inotify
def test_a_run_reads_the_ticket_once(tmp_path, searched):
    with counting_opens(searched / 'ticket.pth') as counts:
        retrain(tmp_path, searched / 'ticket.pth', epochs=1)
    assert counts == {searched / 'ticket.pth': 1}


def test_statistics_are_recalibrated_before_the_ticket(tmp_path, searched):
    runner = retrain(tmp_path, searched / 'ticket.pth')
    assert timeline(runner, 'recalibrate') == [('recalibrate', 2)]


def test_a_resumed_retraining_ends_like_an_uninterrupted_one(tmp_path, searched):
    ticket = searched / 'ticket.pth'
    every = dict(checkpoint=dict(interval=1, max_keep_ckpts=-1))
    whole = retrain(tmp_path / 'a', ticket, 3, **every)
    found = []
    resumed = retrain(tmp_path / 'b', ticket, 3, load_from=str(tmp_path / 'a' / 'epoch_1.pth'),
                      resume=True, probes=[keeps_its_mask(found)], **every)
    assert found and not any(found)
    one, other = unwrap(whole).state_dict(), unwrap(resumed).state_dict()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert timeline(resumed) == timeline(whole)


def test_a_checkpoint_of_the_run_continues_with_its_optimizer_state(tmp_path, searched):
    steps = []
    probe = (99, dict(before_train=lambda runner: steps.append(
        (runner.epoch, len(runner.optim_wrapper.optimizer.state)))))
    retrain(tmp_path, None, 5, load_from=str(searched / 'epoch_3.pth'), resume=True, probes=[probe])
    assert steps[0][0] == 3 and steps[0][1] > 10
    before, after = Ticket.load(searched / 'ticket.pth'), Ticket.load(tmp_path / 'ticket.pth')
    assert all(torch.equal(before.mask[name], after.mask[name]) for name in before.mask)
    assert after.meta['survivors'] == before.meta['survivors'] and after.meta['epoch'] == 5


@pytest.mark.parametrize('at, warned', [(1, True), (3, False)])
def test_a_checkpoint_of_another_mask_than_the_tickets_is_reported(tmp_path, searched, capfd, at,
                                                                  warned):
    runner = retrain(tmp_path, searched / 'ticket.pth', at + 1, resume=True, log_level='WARNING',
                     load_from=str(searched / f'epoch_{at}.pth'))
    mask = torch.load(searched / f'epoch_{at}.pth', weights_only=True)['mmst_mask']['kept']
    found = Ticket.load(tmp_path / 'ticket.pth').mask
    assert runner.epoch == at + 1 and all(torch.equal(found[name], mask[name]) for name in mask)
    assert ('that of the ticket is another, of 60' in ''.join(capfd.readouterr())) == warned


def test_a_schedule_that_was_stretched_follows_the_new_length(tmp_path, searched):
    def one_cycle(epochs):
        return dict(param_scheduler=dict(type='OneCycleLR', eta_max=0.05, total_steps=epochs,
                                         by_epoch=True, convert_to_iter_based=True))

    def watch(rates):
        return 99, dict(before_train_iter=lambda runner: rates.append(
            (runner.iter, round(runner.optim_wrapper.get_lr()['lr'][0], 12))))

    short, full, stretched = [], [], []
    run(tmp_path / 'short', 2, prune=dict(sparsity=0.5), ema=False, checkpoint=dict(interval=2),
        probes=[watch(short)], **one_cycle(2))
    retrain(tmp_path / 'more', None, 5, ema=False, resume=True, probes=[watch(stretched)],
            load_from=str(tmp_path / 'short' / 'epoch_2.pth'), **one_cycle(5))
    run(tmp_path / 'full', 5, ema=False, probes=[watch(full)], **one_cycle(5))
    assert [n for n, _ in stretched] == list(range(4, 10))
    # The checkpoint's own rate lasts for one step.
    assert stretched[1:] == full[5:] and dict(short)[3] != dict(full)[3]


def test_a_search_only_ticket_keeps_its_architecture(tmp_path):
    run(tmp_path / 'search', 2, ticket=True, prune=False, probes=[WEAKEN])
    before = Ticket.load(tmp_path / 'search' / 'ticket.pth')
    runner = retrain(tmp_path / 'more', tmp_path / 'search' / 'ticket.pth')
    after = Ticket.load(tmp_path / 'more' / 'ticket.pth')
    assert get_widths(unwrap(runner)) == get_widths(before.build())
    assert after.sparsity == 0. and not find_hook(runner, FixedMaskHook).mask


# --------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize('other', [
    dict(depths=((1, ), (2, 1))), dict(stem_channels=(6, 4)), dict(kernel_sizes=(3, 5)),
    dict(transformer='all')])
def test_ticket_of_another_search_space_is_refused(tmp_path, searched, other):
    with pytest.raises(MMSTError, match=r'does not fit.*Remedy') as error:
        retrain(tmp_path, searched / 'ticket.pth', model=other)
    assert 'search space' in str(error.value)


def test_missing_ticket_is_refused(tmp_path):
    with pytest.raises(MMSTError, match=r'no such file.*Remedy'):
        retrain(tmp_path, tmp_path / 'nowhere.pth')


def test_no_ticket_and_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(MMSTError, match=r'nothing to train.*Remedy'):
        retrain(tmp_path, None)


def test_checkpoint_without_a_mask_in_force_is_refused(tmp_path):
    run(tmp_path / 'a', 2, prune=False, checkpoint=dict(interval=2))
    with pytest.raises(MMSTError, match=r'no mask in force.*Remedy'):
        retrain(tmp_path / 'b', None, 3, load_from=str(tmp_path / 'a' / 'epoch_2.pth'), resume=True)


def test_a_search_next_to_a_fixed_architecture_is_refused(tmp_path, searched):
    with pytest.raises(MMSTError, match=r'SearchHook.*Remedy'):
        run(tmp_path, 2, prune=False, custom_hooks=[
            dict(type='mmst.FixedMaskHook', ticket=str(searched / 'ticket.pth'))])


def test_a_prune_next_to_a_fixed_mask_is_refused(tmp_path, searched):
    fixed = dict(type='mmst.FixedMaskHook', ticket=str(searched / 'ticket.pth'))
    with pytest.raises(MMSTError, match=r'another hook of masks.*Remedy: set default_hooks\.prune'):
        run(tmp_path, 2, search=False, prune=dict(reactivation=None), custom_hooks=[fixed])


def test_parts_that_are_shown_are_those_of_the_mask():
    """A head that a ticket has pruned is no part that is left out, and there is nothing to set."""
    printed = []
    hook, model = FixedMaskHook(), torch.nn.Module()
    model.backbone, model.head = torch.nn.Linear(2, 2), torch.nn.Linear(50, 50)
    model.head2 = torch.nn.Linear(90, 90)
    hook.mask = Mask({'backbone.weight': torch.ones(2, 2, dtype=torch.bool),
                      'head.weight': torch.ones(50, 50, dtype=torch.bool)})
    log_coverage(SimpleNamespace(hooks=[hook], model=model,
                                 logger=SimpleNamespace(info=printed.append)), hook)
    assert 'head2 ' in printed[0] and 'norms and biases of head ' in printed[0]
    assert 'PruneHook.parts' not in printed[0]
