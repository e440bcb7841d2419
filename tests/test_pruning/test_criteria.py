"""Criteria: which weights score lowest."""
import pytest
import torch

from mmst.errors import ConfigError
from mmst.pruning.criteria import Gradient, Magnitude, Random
from mmst.pruning.draw import draw_mask

WEIGHTS = {'a': torch.tensor([[1., -2.], [0., 3.]]), 'b': torch.tensor([-0.5, 4.])}


def test_magnitude_is_the_absolute_value():
    scores = Magnitude().score(WEIGHTS, {})
    assert all(torch.equal(scores[name], w.abs()) for name, w in WEIGHTS.items())


def test_gradient_is_the_absolute_product_of_weight_and_summed_gradient():
    gradients = {'a': torch.tensor([[-1., 2.], [5., 0.]]), 'b': torch.tensor([2., 0.5])}
    scores = Gradient().score(WEIGHTS, gradients)
    assert scores['a'].tolist() == [[1., 4.], [0., 0.]] and scores['b'].tolist() == [1., 2.]


def test_gradient_without_gradients_is_refused_with_a_remedy():
    with pytest.raises(ConfigError, match=r'training batches.*magnitude'):
        Gradient().score(WEIGHTS, {})


@pytest.mark.parametrize('batches', [0, -1, 1.5, True, 'all'])
def test_gradient_needs_a_whole_number_of_batches(batches):
    with pytest.raises(ConfigError, match=r'criterion.batches'):
        Gradient(batches=batches)


def test_random_scores_repeat_and_leave_the_random_state_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = Random(seed=1).score(WEIGHTS, {})
    assert torch.equal(torch.rand(4), expected)
    second = Random(seed=1).score(WEIGHTS, {})
    assert all(torch.equal(first[name], second[name]) for name in WEIGHTS)


def test_random_scores_depend_on_seed_and_layer_but_not_on_other_layers():
    weights = {'a': torch.zeros(50), 'b': torch.zeros(50)}
    one, other = Random(seed=1).score(weights, {}), Random(seed=2).score(weights, {})
    assert not torch.equal(one['a'], other['a']) and not torch.equal(one['a'], one['b'])
    assert torch.equal(Random(seed=1).score({'b': weights['b']}, {})['b'], one['b'])


def test_random_pruning_takes_the_same_share_of_all_layers():
    weights = {name: torch.ones(100, 100) * scale for name, scale in (('a', 1.), ('b', 1e-3))}
    mask = draw_mask(Random().score(weights, {}), 0.9)
    assert mask.pruned == 18_000
    assert all(abs(share - 0.9) < 0.02 for share in mask.layer_sparsity().values())
