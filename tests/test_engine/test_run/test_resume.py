"""A run that was stopped goes on as if it had not been: shapes, masks, values, average, events."""
import json

import pytest
import torch
from tiny import WEAKEN, averaged_model, events, find_hook, make, pruned_weights, run, unwrap

from mmst.engine import PruneHook, SearchHook
from mmst.errors import TicketError
from mmst.models import get_widths

#: Prunes at 2, 4, 6; searches at 3, 6. Augmentation and dropout: each epoch is seeded again.
RUN = dict(search=dict(interval=3), probes=[WEAKEN], noise=0.1, ticket=True,
           custom_hooks=[dict(type='mmst.SeedHook')])
MODES = {
    'search': dict(prune=dict(interval=2, reactivation='search', revive='value'),
                   optimizer=dict(type='AdamW', lr=0.01),
                   model=dict(transformer='shape_preserving')),
    'prune': dict(prune=dict(interval=2, reactivation='prune'),
                  optimizer=dict(type='RMSprop', lr=0.01, momentum=0.9)),
    None: dict(prune=dict(interval=2, reactivation=None), wrapper=dict(accumulative_counts=2)),
}


@pytest.fixture(scope='module', params=list(MODES), ids=str)
def whole(request, tmp_path_factory):
    """A run that was not interrupted, with a checkpoint of each epoch, and its settings."""
    folder = tmp_path_factory.mktemp('whole')
    settings = dict(RUN, **MODES[request.param])
    return run(folder, 6, checkpoint=dict(interval=1), **settings), settings, folder


def resume(settings, folder, work_dir, epoch, probes=()):
    probes = [*settings['probes'], *probes]
    runner = make(work_dir, 6, **dict(settings, probes=probes), resume=True,
                  load_from=str(folder / f'epoch_{epoch}.pth'))
    runner.train()
    return runner


def same(first, second):
    """Whether nested data with tensors is the same to the bit."""
    if torch.is_tensor(first):
        return torch.is_tensor(second) and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


@pytest.mark.by_turns(3)
@pytest.mark.parametrize('epoch', [2, 3])
def test_a_resumed_run_ends_like_one_that_was_not_interrupted(whole, tmp_path, epoch):
    runner, settings, folder = whole
    again = resume(settings, folder, tmp_path, epoch)
    assert same(dict(unwrap(runner).state_dict()), dict(unwrap(again).state_dict()))
    assert same(dict(averaged_model(runner).state_dict()), dict(averaged_model(again).state_dict()))
    assert same(runner.optim_wrapper.state_dict(), again.optim_wrapper.state_dict())
    assert same([pruned for *_, pruned in pruned_weights(runner)],
                [pruned for *_, pruned in pruned_weights(again)])
    assert events(runner) == events(again)
    first, second = find_hook(runner, SearchHook), find_hook(again, SearchHook)
    for name in ('survivors', 'supernet', 'last_search'):
        assert getattr(first, name) == getattr(second, name)
    assert first.searcher.state() == second.searcher.state()
    mine, theirs = (torch.load(path / 'ticket.pth', weights_only=True)
                    for path in (folder, tmp_path))
    assert same([mine['state_dict'], mine['mask']], [theirs['state_dict'], theirs['mask']])


class Stop(Exception):
    """Ends a run that a test has seen enough of."""


@pytest.mark.parametrize('epoch', [2, 3])
def test_the_state_is_there_before_the_first_step(whole, tmp_path, epoch):
    runner, settings, folder = whole
    found = {}

    def act(again):
        masks, hook = again.optim_wrapper.masks, find_hook(again, PruneHook)
        found.update(
            widths=get_widths(unwrap(again)), mask=hook.mask_in_force(again),
            masks={n: masks[w] for n, w in hook.weights(again).items() if w in masks},
            shapes={n: p.shape for n, p in unwrap(again).named_parameters()},
            events=list(events(again)))
        raise Stop

    with pytest.raises(Stop):
        resume(settings, folder, tmp_path, epoch, probes=[(0, dict(before_train_epoch=act))])
    saved = torch.load(folder / f'epoch_{epoch}.pth', weights_only=True)
    assert found['shapes'] == {n: saved['state_dict'][n].shape for n in found['shapes']}
    full = type(unwrap(runner))(runner.cfg.model.backbone, runner.cfg.model.neck)
    assert (found['widths'] == get_widths(full)) == (epoch == 2)
    # IR-S: the search at 3 has lifted the mask of 2.
    reactivation = settings['prune']['reactivation']
    assert ('mmst_mask' in saved) == (not (reactivation == 'search' and epoch == 3)
                                      and not (reactivation == 'prune' and epoch == 3))
    if 'mmst_mask' in saved:
        assert same(dict(found['mask']), saved['mmst_mask']['kept'])
        values = {n: m['value'] for n, m in found['masks'].items() if 'value' in m}
        assert same(values, saved['mmst_mask']['values'])
        assert bool(values) == ('revive' in settings['prune'])
    else:
        assert found['mask'] is None
    assert found['events'] == [e for e in events(runner) if e['step'] <= epoch and not (
        e['kind'] == 'reactivate' and reactivation == 'prune' and e['step'] == epoch)]


def test_checkpoints_hold_plain_data(whole):
    """``weights_only`` reads them, as above; removed units are not in them."""
    runner, _, folder = whole
    saved = torch.load(folder / 'epoch_6.pth', weights_only=True)
    assert {'mmst_search', 'mmst_mask', 'ema_state_dict', 'optimizer'} <= set(saved)
    for name, p in unwrap(runner).named_parameters():
        assert saved['state_dict'][name].shape == p.shape
        assert saved['ema_state_dict'][f'module.{name}'].shape == p.shape


def test_a_run_stopped_before_its_last_evaluation_makes_up_for_it(tmp_path):
    settings = dict(length=4, val=2, ticket=True, prune=dict(schedule='one_shot'))
    run(tmp_path, 2, checkpoint=dict(interval=2), scores=[0.1], **settings)
    (tmp_path / 'ticket.json').unlink()
    runner = make(tmp_path, 2, scores=[0.7], resume=True, load_from=str(tmp_path / 'epoch_2.pth'),
                  **settings)
    runner.train()
    assert json.loads((tmp_path / 'ticket.json').read_text())['metrics'] == dict(score=0.7)
    last = events(runner)[-1]
    assert last['kind'] == 'evaluate' and last['at_target'] and last['step'] == 2


def test_a_new_run_from_a_checkpoint_starts_again(whole, tmp_path):
    """``load_from`` without ``resume``: the searched network, no mask, no history."""
    runner, settings, folder = whole

    def act(again):
        hook = find_hook(again, SearchHook)
        assert not again.optim_wrapper.masks and not events(again)
        assert hook.searcher.mean_macs != find_hook(runner, SearchHook).searcher.mean_macs
        assert all(index == list(range(len(index))) for index in hook.survivors.values())
        found.append(averaged_model(again).module.classifier.weight.clone())

    found = []
    settings = dict(settings, search=dict(interval=1), prune=dict(interval=1),
                    probes=[('LOWEST', dict(before_train=act))])
    again = make(tmp_path, 1, load_from=str(folder / 'epoch_5.pth'), **settings)
    again.train()
    assert not torch.equal(found[0], averaged_model(again).module.classifier.weight)


def test_pruning_alone_goes_on_from_a_searched_network(tmp_path):
    """Search and pruning one after the other: the second run has no search."""
    first = run(tmp_path / 'search', 2, length=4, prune=False, checkpoint=dict(interval=2),
                probes=[WEAKEN])
    second = run(tmp_path, 2, search=False, prune=dict(reactivation=None),
                 load_from=str(tmp_path / 'search' / 'epoch_2.pth'))
    assert get_widths(unwrap(second)) == get_widths(unwrap(first))
    assert get_widths(averaged_model(second).module) == get_widths(unwrap(first))
    before, after = averaged_model(first).module, averaged_model(second).module
    assert not torch.equal(before.classifier.weight, after.classifier.weight)


def test_a_mask_of_other_layers_is_refused_at_once(tmp_path):
    run(tmp_path, 1, length=4, checkpoint=dict(interval=1), search=dict(interval=1))
    for settings in (dict(parts=['backbone']), dict(parts=['backbone', 'neck', 'classifier'])):
        runner = make(tmp_path, 2, length=4, prune=settings, resume=True,
                      load_from=str(tmp_path / 'epoch_1.pth'))
        with pytest.raises(TicketError, match=r'differ by .*Remedy'):
            runner.train()
