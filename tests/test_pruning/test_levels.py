"""Nested masks of one set of weights."""
import pytest
import torch

from mmst.errors import ConfigError
from mmst.pruning.draw import draw_mask
from mmst.pruning.levels import check_levels, kept_by_levels, levels_at

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
                                    (0.5, 0.8), (True, 0.9), [0.01 * i for i in range(84, 100)]])
def test_levels_that_cannot_be_are_refused(levels):
    with pytest.raises(ConfigError, match=r'^family = ') as error:
        check_levels(levels, 0.9)
    assert '\n' not in str(error.value)
