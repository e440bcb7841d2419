"""Nested masks of one set of weights."""
import ast

import pytest
import torch

from mmst.errors import ConfigError
from mmst.pruning.draw import draw_mask
from mmst.pruning.levels import check_levels, kept_by_levels, levels_at
from mmst.tickets.family import Family

LEVELS = (0.3, 0.5, 0.8, 0.95)


def weights(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(40, 5, generator=generator) for name in 'ab'}


@pytest.mark.parametrize('scope', ['global', 'layer'])
@pytest.mark.parametrize('ratio', LEVELS)
def test_levels_are_nested_have_their_sparsity_and_hold_the_mask_in_force(scope, ratio):
    own = weights()
    mask = draw_mask({name: w.abs() for name, w in weights(1).items()}, ratio, scope)
    counts = kept_by_levels(own, mask, LEVELS, ratio, scope)
    for place, level in enumerate(LEVELS):
        kept = torch.cat([(count > place).flatten() for count in counts.values()])
        assert abs(1 - kept.float().mean() - level) < 1e-6
    assert all(torch.equal(counts[name] > LEVELS.index(ratio), mask[name]) for name in own)


def test_looser_levels_keep_the_largest_weights_next_to_the_mask():
    own = {'a': torch.tensor([1., -4., 3., 2., 9., .5, 7., 8., 6., 5.])}
    mask = draw_mask({'a': own['a'].abs()}, 0.8)
    counts = kept_by_levels(own, mask, (0.5, 0.8, 0.9), 0.8, 'global')
    assert counts['a'].tolist() == [0, 0, 0, 0, 3, 0, 1, 2, 1, 1]


def test_levels_come_as_the_schedule_reaches_them():
    assert levels_at(LEVELS, 0.1, 0.8) == (0.1, )
    assert levels_at(LEVELS, 0.4, 0.8) == (0.3, 0.4)
    assert levels_at(LEVELS, 0.5, 0.8) == (0.3, 0.5)
    assert levels_at(LEVELS, 0.8, 0.8) == LEVELS


@pytest.mark.parametrize('levels', [0.5, (), (0.9, ), (0.5, 1.), (0.5, 'a', 0.9), (0.5, 0.5, 0.9),
                                    (0.5, 0.9, 0.9000005), (0.5, 0.9000005),
                                    (0.5, 0.8), (True, 0.9), [0.01 * i for i in range(84, 100)]])
def test_levels_that_cannot_be_are_refused(levels):
    with pytest.raises(ConfigError, match=r'^family = ') as error:
        check_levels(levels, 0.9)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('sparsity', [0.5, 0.8, 0.9, 0.1234567, 0.5000005])
@pytest.mark.parametrize('levels', [0.5, (0.2, 0.3), (0.2, 0.2)])
def test_remedy_is_one_that_is_taken(levels, sparsity):
    with pytest.raises(ConfigError) as error:
        check_levels(levels, sparsity)
    remedy = str(error.value).partition('Remedy: ')[2]
    if 'family=' in remedy:
        wanted = ast.literal_eval(remedy.partition('family=')[2].rstrip('.'))
    else:
        wanted = (*levels, float(remedy.partition('add ')[2].partition(',')[0]))
    assert sparsity in check_levels(wanted, sparsity)


def test_a_target_that_is_next_to_a_level_is_not_to_be_added():
    with pytest.raises(ConfigError, match=r'Remedy: set sparsity to a level\.'):
        check_levels((0.3, 0.6000005), 0.6)


def test_levels_that_a_run_takes_are_those_that_a_file_may_have():
    """Else a run would write what nothing opens."""
    for levels in ((0.3, 0.6, 0.600002), tuple(i / 16 for i in range(1, 16))):
        found = check_levels(levels, levels[1])
        count = torch.arange(16, dtype=torch.uint8).clamp(max=len(found))
        family = Family(found, {'a': count}, [{} for _ in found])
        family.check({'a': torch.ones(16)}, family.mask(0))
