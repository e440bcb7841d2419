"""Criteria: which weights score lowest."""
import pytest
import torch

from mmst.errors import ConfigError
from mmst.pruning.criteria import LAMP, Gradient, Magnitude, Random
from mmst.pruning.draw import draw_mask

WEIGHTS = {'a': torch.tensor([[1., -2.], [0., 3.]]), 'b': torch.tensor([-0.5, 4.])}


def test_magnitude_is_the_absolute_value():
    scores = Magnitude().score(WEIGHTS, {})
    assert all(torch.equal(scores[name], w.abs()) for name, w in WEIGHTS.items())


def test_lamp_is_the_share_of_what_stays_that_a_layer_would_lose_next():
    squares = {name: score.square() for name, score in LAMP().score(WEIGHTS, {}).items()}
    assert squares['a'].tolist() == [[pytest.approx(1 / 14), pytest.approx(4 / 13)], [0, 1]]
    assert squares['b'].tolist() == [pytest.approx(0.25 / 16.25), 1]


def test_lamp_does_not_look_at_the_scale_of_a_layer():
    scaled = {name: weight * scale for (name, weight), scale in
              zip(WEIGHTS.items(), (1e-6, 1e6), strict=True)}
    whole, other = LAMP().score(WEIGHTS, {}), LAMP().score(scaled, {})
    assert all(torch.allclose(whole[name], other[name]) for name in WEIGHTS)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_lamp_is_exact_in_large_layers_of_any_precision(dtype):
    torch.manual_seed(0)
    weight = (torch.randn(200, 100) * torch.logspace(-3, 1, 100)).to(dtype)
    score = LAMP().score({'a': weight}, {})['a'].double().square().flatten()
    squares, order = weight.double().square().flatten().sort(descending=True)
    expected = squares / squares.cumsum(0)
    if dtype in (torch.float16, torch.bfloat16):  # many are equal: their order is not this one
        score, expected = (each.sort(descending=True).values for each in (score, expected))
    else:
        score = score[order]
    assert torch.allclose(score, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize('scale', [1e-300, 1e-160, 1e200, 1e307])
def test_lamp_scores_weights_of_any_scale(scale):
    weight = torch.tensor([1., -2., 0., 3.], dtype=torch.float64)
    scores = LAMP().score({'a': scale * weight, 'empty': torch.zeros(0)}, {})
    assert torch.allclose(scores['a'], LAMP().score({'a': weight}, {})['a'])
    assert not scores['empty'].numel()


def test_lamp_cuts_no_layer_off_that_the_largest_weights_of_a_network_do():
    torch.manual_seed(0)
    weights = {'small': 1e-3 * torch.randn(6), 'large': torch.randn(40, 50)}
    by_lamp, by_magnitude = (draw_mask(criterion.score(weights, {}), 0.99)
                             for criterion in (LAMP(), Magnitude()))
    assert by_lamp['small'].any() and not by_magnitude['small'].any()


def test_lamp_scores_weights_that_are_gone_0_and_keeps_the_order_of_the_others():
    torch.manual_seed(0)
    weights = {'none': torch.zeros(3, 2), 'half': torch.randn(5, 7).relu(),
               'equal': torch.ones(4), 'fine': torch.randn(9, dtype=torch.float64)}
    scores = LAMP().score(weights, {})
    assert not scores['none'].any() and not scores['half'][weights['half'] == 0].any()
    assert torch.equal(scores['half'].flatten().argsort(stable=True),
                       weights['half'].flatten().argsort(stable=True))
    assert scores['equal'].square().tolist() == pytest.approx([1 / 4, 1 / 3, 1 / 2, 1])
    assert {name: score.dtype for name, score in scores.items()} == {
        name: weight.dtype for name, weight in weights.items()}


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
