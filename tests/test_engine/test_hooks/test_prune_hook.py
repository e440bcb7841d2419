"""Pruning in a run: the sparsity at each prune, the order of events, which weights."""
import pytest
import torch
from tiny import WEAKEN, find_hook, pruned_weights, prunes, run, timeline, unwrap

from mmst.engine import PruneHook
from mmst.errors import ConfigError
from mmst.tickets import Ticket

#: One iteration an epoch.
SHORT = dict(length=4, ema=False)


def is_first_to_reach(pruned, total, ratio):
    """Whether ``pruned`` of ``total`` reaches the ratio and one weight less would not."""
    return pruned >= total * ratio - 1e-6 and pruned - 1 < total * ratio


def schedule(p, step, interval=1):
    return min(p, 0.1 * (step // interval))


def watch(found):
    """A probe after pruning: (epoch, mask in force, pruned weights all 0, zeros of all weights)."""

    def act(runner):
        mask = find_hook(runner, PruneHook).mask_in_force(runner)
        weights = find_hook(runner, PruneHook).weights(runner)
        zeros = {name: int((weight == 0).sum()) for name, weight in weights.items()}
        found.append((runner.epoch + 1, mask, zeros))

    return 80, dict(after_train_epoch=act)


@pytest.mark.parametrize('p,reactivation', [(0.3, 'search'), (0.9, 'search'), (0.95, 'prune'),
                                            (0.98, None)])
def test_sparsity_at_every_prune_is_a_tenth_more_up_to_the_target(tmp_path, p, reactivation):
    runner = run(tmp_path, 12, prune=dict(sparsity=p, reactivation=reactivation),
                 search=dict(interval=5), **SHORT)
    assert [e['step'] for e in prunes(runner)] == list(range(1, 13))
    for event in prunes(runner):
        expected = schedule(p, event['step'])
        assert is_first_to_reach(event['pruned'], event['total'], expected), event
        assert event['sparsity'] == event['pruned'] / event['total']


@pytest.mark.parametrize('interval', [2, 3])
def test_the_schedule_counts_prunes_not_epochs(tmp_path, interval):
    runner = run(tmp_path, 8, prune=dict(sparsity=0.9, interval=interval, reactivation=None),
                 search=False, **SHORT)
    steps = [e['step'] for e in prunes(runner)]
    assert steps == sorted({*range(interval, 9, interval), 8})
    for event in prunes(runner)[:-1]:
        expected = schedule(0.9, event['step'], interval)
        assert is_first_to_reach(event['pruned'], event['total'], expected)
    last = prunes(runner)[-1]
    assert is_first_to_reach(last['pruned'], last['total'], 0.9)


def test_one_shot_pruning_is_at_the_target_from_the_first_prune_on(tmp_path):
    runner = run(tmp_path, 4, prune=dict(sparsity=0.9, schedule='one_shot', interval=2),
                 search=dict(interval=3), **SHORT)
    assert [e['step'] for e in prunes(runner)] == [2, 4]
    for event in prunes(runner):
        assert is_first_to_reach(event['pruned'], event['total'], 0.9)


@pytest.mark.parametrize('reactivation', ['search', None])
def test_sparsity_is_that_of_the_shrunk_network(tmp_path, reactivation):
    """Searches between and at prunes; where nothing is reactivated it may be above, never below."""
    found = []
    runner = run(tmp_path, 9, prune=dict(sparsity=0.6, interval=2, reactivation=reactivation),
                 search=dict(interval=1 if reactivation is None else 3),
                 probes=[WEAKEN, watch(found)], **SHORT)
    removed = list(timeline(runner, 'search'))
    assert removed and len({e['total'] for e in prunes(runner)}) > 1
    for event in prunes(runner):
        expected = 0.6 if event['step'] == 9 else schedule(0.6, event['step'], 2)
        exact = is_first_to_reach(event['pruned'], event['total'], expected)
        assert exact or (reactivation is None and event['sparsity'] > expected), event
    for step, mask, zeros in found:
        if mask is not None:
            assert sum(zeros.values()) >= mask.pruned
        if mask is not None and reactivation is None:
            assert mask.sparsity >= schedule(0.6, step, 2) - 1e-9


def test_without_reactivation_a_search_that_lowers_the_sparsity_draws_again(tmp_path):
    """Unimportant units are made the pruned ones: their removal leaves a denser network."""

    @torch.no_grad()
    def weaken_pruned(runner):
        if runner.epoch + 1 != 3:
            return
        for block in (m for m in unwrap(runner).modules() if hasattr(m, 'depthwise_bn')):
            lost = (block.expand.weight == 0).flatten(1).float().mean(1)
            block.depthwise_bn.weight[lost >= 0.5] = 0.

    found = []
    runner = run(tmp_path, 5, search=dict(interval=3), ema=False, length=4,
                 prune=dict(sparsity=0.6, interval=2, schedule='one_shot', reactivation=None),
                 probes=[(60, dict(after_train_epoch=weaken_pruned)), watch(found)])
    assert ('prune', 3) in timeline(runner)
    assert [step for step, mask, _ in found if mask is not None] == [2, 3, 4, 5]
    assert all(is_first_to_reach(mask.pruned, mask.total, 0.6)
               for step, mask, _ in found if step in (2, 3))


def test_scope_layer_gives_each_layer_the_ratio(tmp_path):
    found = []
    run(tmp_path, 3, prune=dict(sparsity=0.8, scope='layer', reactivation=None), search=False,
        probes=[watch(found)], **SHORT)
    for step, mask, _ in found:
        for kept in mask.values():
            ratio = 0.8 if step == 3 else 0.1 * step
            assert is_first_to_reach(int((~kept).sum()), kept.numel(), ratio)


def test_where_both_fall_on_one_step_the_search_comes_first(tmp_path):
    found = []
    runner = run(tmp_path, 4, search=dict(interval=2), prune=dict(interval=2, sparsity=0.5),
                 probes=[WEAKEN, watch(found)], **SHORT)
    assert timeline(runner) == [
        ('search', 2), ('prune', 2), ('recalibrate', 2),
        ('search', 4), ('reactivate', 4), ('prune', 4), ('recalibrate', 4)]
    weights = find_hook(runner, PruneHook).weights(runner)
    assert prunes(runner)[-1]['total'] == sum(weight.numel() for weight in weights.values())
    assert prunes(runner)[0]['total'] > prunes(runner)[1]['total']
    assert all(is_first_to_reach(e['pruned'], e['total'], r)
               for e, r in zip(prunes(runner), (0.1, 0.5), strict=True))


def test_the_classifier_biases_norms_and_queries_are_never_pruned(tmp_path):
    runner = run(tmp_path, 1, prune=dict(sparsity=0.95, reactivation=None), search=False,
                 model=dict(transformer='all'), **SHORT)
    names = {name for name, *_ in pruned_weights(runner)}
    model = unwrap(runner)
    others = {name: p for name, p in model.named_parameters() if name not in names}
    assert {'classifier.weight', 'classifier.bias'} < set(others)
    assert any(name.endswith('queries') for name in others)
    assert all((p != 0).any() for name, p in others.items()
               if name.endswith('queries') or name == 'classifier.weight')


@pytest.mark.parametrize('settings', [
    dict(parts=['neck']), dict(transformers=False), dict(leave_alone=['backbone.stem', 'neck.*'])])
def test_the_ratio_is_a_share_of_the_chosen_weights(tmp_path, settings):
    runner = run(tmp_path, 1, prune=dict(sparsity=0.9, reactivation=None, **settings),
                 search=False, model=dict(transformer='all'), **SHORT)
    found = {name: mask for name, _, _, mask in pruned_weights(runner)}
    total = sum(mask.numel() for mask in found.values())
    assert is_first_to_reach(sum(int(mask.sum()) for mask in found.values()), total, 0.9)
    if 'parts' in settings:
        assert all(name.startswith('neck.') for name in found)
    elif 'leave_alone' in settings:
        assert not any(name.startswith(('neck.', 'backbone.stem.')) for name in found)
    else:
        assert not any('.transformer.' in name for name in found)


def test_ties_among_many_equal_and_many_zero_weights_are_broken(tmp_path):

    @torch.no_grad()
    def flatten(runner):
        for i, weight in enumerate(find_hook(runner, PruneHook).weights(runner).values()):
            weight.fill_(0. if i % 2 else 0.25)

    runner = run(tmp_path, 2, prune=dict(sparsity=0.9, reactivation=None), search=False,
                 probes=[(60, dict(after_train_epoch=flatten))], **SHORT)
    for event, ratio in zip(prunes(runner), (0.1, 0.9), strict=True):
        assert is_first_to_reach(event['pruned'], event['total'], ratio)


def test_two_runs_draw_the_same_masks(tmp_path):
    masks = []
    for name in 'ab':
        runner = run(tmp_path / name, 3, **SHORT)
        masks.append({n: mask for n, _, _, mask in pruned_weights(runner)})
    assert all(torch.equal(masks[0][n], masks[1][n]) for n in masks[0])


def test_two_of_every_four_weights_stay_at_the_end_of_a_run(tmp_path):
    runner = run(tmp_path, 6, prune=dict(sparsity=0.5, scope='2:4'), search=dict(interval=4),
                 ticket=True, **SHORT)
    shares = [event['sparsity'] for event in prunes(runner)]
    assert shares == sorted(shares) and shares[0] >= 0.25 and shares[-1] >= 0.5
    mask = Ticket.load(tmp_path / 'ticket.pth').mask
    for kept in mask.values():
        rows = kept.flatten(1)
        whole = rows[:, :rows.shape[1] // 4 * 4].unflatten(1, (-1, 4))
        assert (whole.sum(2) == 2).all()


def test_a_sparsity_that_does_not_fit_the_scope_is_refused():
    with pytest.raises(ConfigError, match=r'PruneHook.scope.*PruneHook.sparsity=0.5'):
        PruneHook(sparsity=0.9, scope='2:4')
