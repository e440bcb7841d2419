"""Drawing a mask: the sparsity to within one weight, ties, order, monotony."""
import plain_events
import pytest
import torch

from mmst.errors import ConfigError
from mmst.pruning.draw import count_to_prune, draw_mask
from mmst.pruning.large import lowest

RATIOS = [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]


def random_scores(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = dict(a=(7, 3, 3, 3), b=(5, 1, 1, 1), c=(13, 7), d=(1, 1))
    return {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}


SCORES = dict(
    different=random_scores,
    equal=lambda: {name: torch.ones_like(s) for name, s in random_scores().items()},
    zero=lambda: {name: torch.zeros_like(s) for name, s in random_scores().items()},
    mostly_zero=lambda: {name: s * (s > 0.8) for name, s in random_scores().items()},
    few_values=lambda: {name: (s * 3).round() for name, s in random_scores().items()})


def is_first_to_reach(pruned, total, ratio):
    """Whether ``pruned`` of ``total`` reaches the ratio and one weight less would not."""
    return pruned / total >= ratio - 1e-9 and (pruned - 1) / total < ratio


@pytest.mark.parametrize('kind', SCORES)
@pytest.mark.parametrize('ratio', RATIOS)
def test_sparsity_is_the_ratio_to_within_one_weight_whatever_ties(kind, ratio):
    mask = draw_mask(SCORES[kind](), ratio)
    assert is_first_to_reach(mask.pruned, mask.total, ratio)
    assert mask.pruned == sum(int((~kept).sum()) for kept in mask.values())


@pytest.mark.parametrize('kind', SCORES)
@pytest.mark.parametrize('ratio', RATIOS)
def test_every_layer_has_the_ratio_in_scope_layer(kind, ratio):
    mask = draw_mask(SCORES[kind](), ratio, scope='layer')
    for kept in mask.values():
        assert is_first_to_reach(int((~kept).sum()), kept.numel(), ratio)


@pytest.mark.parametrize('kind', SCORES)
@pytest.mark.parametrize('scope', ['global', 'layer'])
def test_a_mask_equals_that_of_sorted_scores_whatever_ties(kind, scope):
    previous = None
    for ratio in RATIOS:
        scores = SCORES[kind]()
        mask = draw_mask(scores, ratio, scope, previous)
        parts = [scores] if scope == 'global' else [{name: s} for name, s in scores.items()]
        expected = {}
        for part in parts:
            count = count_to_prune(sum(s.numel() for s in part.values()), ratio)
            expected.update(plain_events.draw(part, count, previous))
        assert list(mask) == list(expected)
        assert all(torch.equal(mask[name], kept) for name, kept in expected.items())
        previous = mask


@pytest.mark.parametrize('total', [1, 3, 10, 1000, 30_000_000])
@pytest.mark.parametrize('ratio', [*RATIOS, 0.0, 1 / 3])
def test_the_number_to_prune_is_the_first_that_reaches_the_ratio(total, ratio):
    exact = count_to_prune(total, ratio)
    assert exact <= total
    assert exact / total >= ratio - 1e-12 and (exact - 1) / total < ratio


def test_products_that_are_not_exact_in_binary_prune_no_weight_too_many():
    assert 0.7 * 10 > 7 - 1e-9 and count_to_prune(10, 0.7) == 7
    assert count_to_prune(100, 0.1 + 0.2) == 30
    assert count_to_prune(10, 3 / 10) == 3


@pytest.mark.parametrize('scope', ['global', 'layer'])
def test_the_lowest_scores_are_pruned(scope):
    scores = random_scores()
    mask = draw_mask(scores, 0.6, scope)
    groups = [list(scores)] if scope == 'global' else [[name] for name in scores]
    for names in groups:
        pruned = torch.cat([scores[n][~mask[n]] for n in names])
        kept = torch.cat([scores[n][mask[n]] for n in names])
        assert not len(kept) or not len(pruned) or pruned.max() < kept.min()


def test_ties_go_by_position():
    scores = dict(a=torch.ones(2, 2), b=torch.ones(3))
    mask = draw_mask(scores, 5 / 7)
    assert not mask['a'].any()
    assert mask['b'].tolist() == [False, True, True]


@pytest.mark.parametrize('kind', SCORES)
def test_the_same_scores_give_the_same_mask(kind):
    first, second = draw_mask(SCORES[kind](), 0.5), draw_mask(SCORES[kind](), 0.5)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize('scope', ['global', 'layer'])
@pytest.mark.parametrize('kind', SCORES)
def test_what_is_pruned_stays_pruned_whatever_its_new_score(kind, scope):
    previous = draw_mask(random_scores(1), 0.3, scope)
    scores = {name: s + 9. * ~previous[name] for name, s in SCORES[kind]().items()}
    mask = draw_mask(scores, 0.5, scope, previous)
    for name in mask:
        assert not (mask[name] & ~previous[name]).any()
        if scope == 'layer':
            assert is_first_to_reach(int((~mask[name]).sum()), mask[name].numel(), 0.5)
    assert scope == 'layer' or is_first_to_reach(mask.pruned, mask.total, 0.5)


@pytest.mark.parametrize('scope', ['global', 'layer'])
def test_a_previous_mask_that_is_sparser_is_kept_as_it_is(scope):
    previous = draw_mask(random_scores(1), 0.7, scope)
    mask = draw_mask(random_scores(), 0.4, scope, previous)
    assert all(torch.equal(mask[name], previous[name]) for name in mask)


def test_ratio_0_prunes_nothing():
    assert draw_mask(random_scores(), 0.).pruned == 0


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_scores_that_are_not_finite_are_refused(bad):
    scores = random_scores()
    scores['c'][3, 2] = bad
    with pytest.raises(ConfigError, match='not finite'):
        draw_mask(scores, 0.5)


@pytest.mark.parametrize('count', [-1, 0, 1, 3, 5])
def test_lowest_marks_exactly_as_many_as_asked(count):
    values = torch.tensor([2., 0., 2., float('-inf'), 2.])
    chosen = lowest(values, count)
    assert chosen.dtype == torch.bool and int(chosen.sum()) == max(count, 0)
    if count > 0:
        assert chosen[3]


def test_scores_in_half_precision_are_drawn_alike():
    scores = {name: s.bfloat16() for name, s in random_scores().items()}
    same = {name: s.float() for name, s in scores.items()}
    first, second = draw_mask(scores, 0.5), draw_mask(same, 0.5)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_scores_in_channels_last_are_drawn_by_index_not_by_memory():
    scores = dict(a=torch.ones(2, 3, 2, 2))
    other = dict(a=scores['a'].contiguous(memory_format=torch.channels_last))
    assert torch.equal(draw_mask(scores, 0.3)['a'], draw_mask(other, 0.3)['a'])
