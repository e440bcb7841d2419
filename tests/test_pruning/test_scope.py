"""n:m masks: what a group loses, rests of rows, monotony, what is refused."""
import pytest
import torch

from mmst.errors import ConfigError
from mmst.pruning.draw import draw_in_groups, draw_mask
from mmst.pruning.scope import check_scope, group_of


def groups_of(tensor, size):
    """(rows, whole groups, size)."""
    rows = tensor.flatten(1)
    return rows[:, :rows.shape[1] // size * size].unflatten(1, (-1, size))


@pytest.mark.parametrize('kept, size', [(2, 4), (1, 4), (1, 2), (4, 8), (3, 5)])
def test_exactly_n_of_every_m_weights_stay_and_they_are_the_highest(kept, size):
    scores = dict(a=torch.rand(7, 4 * size), b=torch.rand(5, size, 3, 3))
    mask = draw_mask(scores, 1 - kept / size, f'{kept}:{size}')
    for name, score in scores.items():
        stays, values = groups_of(mask[name], size), groups_of(score, size)
        assert (stays.sum(2) == kept).all()
        lowest_kept = values.masked_fill(~stays, 2).amin(2)
        assert (values.masked_fill(stays, -1).amax(2) < lowest_kept).all()


@pytest.mark.parametrize('ratio, pruned', [(0.1, 1), (0.25, 1), (0.3, 2), (0.5, 2)])
def test_before_the_end_a_group_loses_the_share_rounded_up(ratio, pruned):
    mask = draw_mask(dict(a=torch.rand(3, 8)), ratio, '2:4')
    assert ((~groups_of(mask['a'], 4)).sum(2) == pruned).all()


def test_the_rest_of_a_row_loses_its_share_rounded_up_too():
    kept = draw_in_groups(torch.rand(6, 1, 3, 3), 0.5, 4)
    assert (kept.flatten(1)[:, :4].sum(1) == 2).all()
    assert (kept.flatten(1)[:, 4:8].sum(1) == 2).all()
    assert not kept.flatten(1)[:, 8].any()


def test_ties_go_by_position_within_a_group():
    kept = draw_in_groups(torch.ones(2, 8), 0.5, 4)
    assert kept.tolist() == [[False, False, True, True] * 2] * 2


def test_what_is_pruned_stays_pruned_and_counts_first():
    first = draw_mask(dict(a=torch.rand(5, 8)), 0.25, '2:4')
    scores = dict(a=torch.rand(5, 8) + 9. * ~first['a'])
    mask = draw_mask(scores, 0.5, '2:4', first)
    assert not (mask['a'] & ~first['a']).any()
    assert (groups_of(mask['a'], 4).sum(2) == 2).all()


def test_layers_without_weights_have_an_empty_mask():
    assert draw_mask(dict(a=torch.zeros(0, 4, 1, 1)), 0.5, '2:4')['a'].shape == (0, 4, 1, 1)
    assert draw_mask(dict(a=torch.zeros(4, 0, 1, 1)), 0.5, '2:4')['a'].shape == (4, 0, 1, 1)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ConfigError, match='not finite'):
        draw_mask(dict(a=torch.full((1, 4), torch.nan)), 0.5, '2:4')


@pytest.mark.parametrize('scope, sparsity, group', [
    ('global', 0.9, None), ('layer', 0.9, None), ('2:4', 0.5, (2, 4)), ('1:10', 0.9, (1, 10))])
def test_scopes_that_fit_their_sparsity_pass(scope, sparsity, group):
    assert check_scope('scope', scope, sparsity) == scope
    assert group_of(scope) == group


@pytest.mark.parametrize('scope', ['4:2', '4:4', '0:4', '2-4', '2:4:8', 'layers', 4, None])
def test_scopes_that_do_not_exist_are_refused(scope):
    with pytest.raises(ConfigError, match=r'scope.*2:4'):
        check_scope('scope', scope, 0.5)


def test_a_scope_of_another_sparsity_is_refused_with_the_one_that_fits():
    with pytest.raises(ConfigError, match=r'PruneHook.scope.*set PruneHook.sparsity=0.5'):
        check_scope('PruneHook.scope', '2:4', 0.9, 'PruneHook.sparsity')


def test_a_group_longer_than_a_row_is_the_row_and_takes_no_memory_of_its_own():
    score = torch.rand(4, 3, 2)
    assert torch.equal(draw_in_groups(score, 0.5, 10**12), draw_in_groups(score, 0.5, 6))


@pytest.mark.parametrize('scope', ['1:' + '9' * 5000, '9' * 30 + ':' + '9' * 31, '-2:4', '2:4:8'])
def test_numbers_of_any_length_are_refused_in_one_line(scope):
    with pytest.raises(ConfigError, match='Remedy: use one of') as refused:
        check_scope('PruneHook.scope', scope, 0.5)
    assert len(str(refused.value)) < 700
