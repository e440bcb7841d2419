"""IR-S, IR-P and no reactivation in a run: when masks are lifted, and how weights return."""
import pytest
import torch
from tiny import WEAKEN, averaged_model, find_hook, make, pruned_weights, run, timeline

from mmst.engine import PruneHook, SearchHook
from mmst.pruning.criteria.base import Criterion
from mmst.registry import CRITERIA

#: Prunes at 2, 4, 6; searches at 3 and 6.
ORDER = dict(epochs=6, search=dict(interval=3), optimizer=dict(type='Adam', lr=0.01))


def prune(reactivation, **settings):
    return dict(dict(interval=2, sparsity=0.5, reactivation=reactivation), **settings)


def in_force(found):
    """A probe of the masks in force in each training step: epoch to pruned weights."""

    def act(runner):
        found.setdefault(runner.epoch + 1, set()).add(
            sum(int(pruned.sum()) for *_, pruned in pruned_weights(runner)))

    return 99, dict(before_train_iter=act)


def drawn(found):
    """A probe of the mask drawn at the end of an epoch."""

    def act(runner):
        mask = find_hook(runner, PruneHook).drawn
        if mask is not None:
            found[runner.epoch + 1] = {name: kept.clone() for name, kept in mask.items()}

    return 80, dict(after_train_epoch=act)


EVENTS = {
    'search': [('prune', 2), ('search', 3), ('reactivate', 3), ('prune', 4), ('search', 6),
               ('reactivate', 6), ('prune', 6)],
    'prune': [('prune', 2), ('reactivate', 2), ('search', 3), ('prune', 4), ('reactivate', 4),
              ('search', 6), ('prune', 6)],
    None: [('prune', 2), ('search', 3), ('prune', 4), ('search', 6), ('prune', 6)],
}


@pytest.mark.parametrize('reactivation,masked', [
    ('search', {3, 5, 6}), ('prune', set()), (None, {3, 4, 5, 6})])
def test_masks_are_in_force_between_prune_and_reactivation_only(tmp_path, reactivation, masked):
    found = {}
    runner = run(tmp_path, prune=prune(reactivation), probes=[in_force(found)], **ORDER)
    assert {epoch for epoch, counts in found.items() if counts != {0}} == masked
    assert timeline(runner, 'prune', 'search', 'reactivate') == EVENTS[reactivation]


@pytest.mark.parametrize('reactivation', ['search', 'prune', None])
def test_weights_return_only_where_masks_are_lifted(tmp_path, reactivation):
    """Large steps make the masks differ at each prune; searches remove nothing, so shapes stay."""
    found = {}
    run(tmp_path, prune=prune(reactivation), probes=[drawn(found)], epochs=6,
        search=dict(interval=3, rho=0., threshold=1e-30),
        optimizer=dict(type='Adam', lr=0.3, betas=(0., 0.9)))
    returned = sum(int((found[4][name] & ~found[2][name]).sum()) for name in found[2])
    assert (returned > 0) == (reactivation is not None)
    if reactivation is None:
        assert all((found[6][name] <= found[4][name]).all() for name in found[4])


def test_between_prunes_without_a_search_masks_are_monotone(tmp_path):
    """IR-S lifts at searches, not at prunes."""
    found = {}
    run(tmp_path, prune=prune('search', interval=1), probes=[drawn(found)], epochs=5, length=4,
        search=dict(interval=4), optimizer=dict(type='Adam', lr=0.1))
    for step in (2, 3):
        assert all((found[step][name] <= found[step - 1][name]).all() for name in found[step])


@CRITERIA.register_module('largest_go', force=True)
class LargestGo(Criterion):
    """To it, weights that are pruned already are the most important."""

    def score(self, weights, gradients):
        return {name: -weight.detach().abs() for name, weight in weights.items()}


def test_without_reactivation_masks_are_monotone_whatever_the_criterion(tmp_path):
    found = {}
    run(tmp_path, 4, length=4, prune=dict(reactivation=None, criterion='largest_go'), search=False,
        probes=[drawn(found)])
    for step in (2, 3, 4):
        assert all((found[step][name] <= found[step - 1][name]).all() for name in found[step])
    assert sum(int(kept.sum()) for kept in found[4].values()) < sum(
        int(kept.sum()) for kept in found[1].values())


# ---------------------------------------------------------------------- how weights return


def snapshots(found, **points):
    """Probes that copy all prunable weights, e.g. ``after=('before_train_iter', 4, 99)``."""

    def probe(key, epoch, state):

        def act(runner):
            if runner.epoch + 1 == epoch and key not in found:
                weights = find_hook(runner, PruneHook).weights(runner)
                found[key] = {name: state(runner, w) for name, w in weights.items()}

        return act

    return [(priority, {point: probe(key, epoch, state)})
            for key, (point, epoch, priority, state) in points.items()]


def value(runner, weight):
    return weight.detach().clone()


def mask(runner, weight):
    return runner.optim_wrapper.masks[weight]['pruned'].clone()


def test_revived_weights_start_from_0_and_do_not_jump(tmp_path):
    found = {}
    probes = snapshots(found, pruned=('after_train_epoch', 3, 60, mask),
                       start=('before_train_iter', 4, 99, value),
                       moved=('after_train_iter', 4, 60, value))
    run(tmp_path, prune=prune('search', schedule='one_shot', sparsity=0.7), probes=probes, **ORDER)
    steps = []
    for name, pruned in found['pruned'].items():
        assert (found['start'][name][pruned] == 0).all()
        steps.append(found['moved'][name][pruned].abs())
    steps = torch.cat(steps)
    assert len(steps) > 1000 and (steps > 0).float().mean() > 0.5
    assert float(steps.max()) <= 1.2 * 0.01


@pytest.mark.parametrize('reactivation,lifted', [('search', 3), ('prune', 2)])
def test_revived_weights_start_from_their_old_values_if_asked(tmp_path, reactivation, lifted):
    found = {}
    probes = snapshots(found, old=('after_train_epoch', 2, 60, value),
                       start=('before_train_iter', lifted + 1, 99, value))
    settings = prune(reactivation, revive='value', schedule='one_shot', sparsity=0.7)
    masks = {}
    run(tmp_path, prune=settings, probes=[drawn(masks), *probes], **ORDER)
    for name, kept in masks[2].items():
        assert torch.equal(found['start'][name][~kept], found['old'][name][~kept])
        assert (found['start'][name][~kept] != 0).all()


def test_old_values_shrink_with_the_network(tmp_path):
    """The search of epoch 3 removes units and lifts the mask of epoch 2."""
    found = {}
    probes = snapshots(
        found, mask=('after_train_epoch', 3, 65, mask), weight=('after_train_epoch', 3, 65, value),
        value=('after_train_epoch', 3, 65, lambda r, w: r.optim_wrapper.masks[w]['value'].clone()),
        start=('before_train_iter', 4, 99, value))
    runner = make(tmp_path, epochs=4, search=dict(interval=3), probes=[WEAKEN, *probes],
                  prune=prune('search', revive='value', schedule='one_shot', sparsity=0.7))
    runner.train()
    checked = 0
    for group, left in find_hook(runner, SearchHook).survivors.items():
        path = group.rpartition('.')[0]
        for name, index in ((f'{path}.expand.weight', (left, )),
                            (f'{path}.project.weight', (slice(None), left))):
            old = torch.where(found['mask'][name], found['value'][name], found['weight'][name])
            assert torch.equal(found['start'][name], old[index])
            checked += int(found['mask'][name][index].sum())
            assert found['start'][name].shape != old.shape
    assert checked > 100


def test_the_averaged_copy_is_masked_like_the_model(tmp_path):
    """Also where only the average had weights that the mask prunes."""
    runner = run(tmp_path, prune=prune('search'), probes=[WEAKEN], **ORDER)
    names = [name for name, *_ in pruned_weights(runner)]
    assert names and averaged_model(runner) is not None
    for _name, weight, copy, pruned in pruned_weights(runner):
        assert weight.shape == copy.shape
        assert (copy[pruned] == 0).all()
        assert pruned.all() or (copy[~pruned] != 0).any()


def test_magnitudes_are_those_of_the_current_weights(tmp_path):
    """Not of the average."""
    found = {}

    @torch.no_grad()
    def disagree(runner):
        copies = dict(averaged_model(runner).module.named_parameters())
        for name, weight in find_hook(runner, PruneHook).weights(runner).items():
            copies[name].copy_(weight.reciprocal().clamp(-1e6, 1e6))
        found.update({name: weight.detach().abs() for name, weight in
                      find_hook(runner, PruneHook).weights(runner).items()})

    runner = run(tmp_path, 1, search=False, probes=[(60, dict(after_train_epoch=disagree))],
                 prune=dict(reactivation=None))
    kept, gone = [], []
    for name, _, _, pruned in pruned_weights(runner):
        kept.append(found[name][~pruned])
        gone.append(found[name][pruned])
    assert torch.cat(gone).max() <= torch.cat(kept).min()
