"""Numbers of kept weights, against all that there could be."""
import itertools

import pytest
import torch

from mmst.errors import ConfigError
from mmst.pruning.allocation import Layers, allocate, draw_counts, kept_in_all, price_of
from mmst.pruning.draw import draw_mask
from mmst.pruning.mask import Mask

SIZES = dict(a=4, b=6, c=5, d=3)


def scores_of(seed, shapes=SIZES):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.rand(size, generator=generator) * (1 + 2 * place)
            for place, (name, size) in enumerate(shapes.items())}


def prices_of(seed):
    values = torch.rand(len(SIZES), generator=torch.Generator().manual_seed(seed + 100))
    return dict(zip(SIZES, values.tolist(), strict=True))


def all_counts(total):
    """Every way to keep ``total`` weights of the layers."""
    for kept in itertools.product(*(range(size + 1) for size in SIZES.values())):
        if sum(kept) == total:
            yield dict(zip(SIZES, kept, strict=True))


def loss_of(scores, counts):
    """By its definition, apart from the class that is tested."""
    return sum(float(score.double().sort().values[:len(score) - counts[name]].square().sum())
               for name, score in scores.items())


@pytest.mark.parametrize('share', [0., 0.3, 0.5, 1.])
@pytest.mark.parametrize('seed', range(5))
def test_the_fewest_weights_that_hold_a_share_of_what_others_hold(seed, share):
    scores = {**scores_of(seed), 'none': torch.zeros(4)}
    counts = dict(zip(scores, [seed, 6, 1, 2, 3], strict=True))
    found = Layers(scores).holding(counts, share)
    for name, score in scores.items():
        held = score.double().square().sort(descending=True).values.cumsum(0).tolist()
        wanted = share * ([0., *held][counts[name]])
        fewest = next(count for count, sums in enumerate([0., *held]) if sums >= wanted - 1e-12)
        assert found[name] == fewest <= counts[name]


@pytest.mark.parametrize('total', [3, 9, 15])
@pytest.mark.parametrize('worth', [0., 0.3, 2., 50.])
def test_no_other_counts_have_a_smaller_sum_of_loss_and_price(total, worth):
    for seed in range(4):
        scores, prices = scores_of(seed), prices_of(seed)
        found = Layers(scores).counts(total, prices, worth)
        assert sum(found.values()) == total

        def cost(counts, scores=scores, prices=prices):
            return loss_of(scores, counts) + worth * price_of(counts, prices)

        assert cost(found) == pytest.approx(min(map(cost, all_counts(total))))


@pytest.mark.parametrize('aim', ['ms', 'magnitude'])
@pytest.mark.parametrize('total', [5, 9, 13])
def test_nothing_on_the_hull_of_loss_and_price_is_better_within_the_bound(total, aim):
    """Hull: what is best for some worth of a unit of price, found by trying many."""
    for seed in range(4):
        scores, prices, layers = scores_of(seed), prices_of(seed), Layers(scores_of(seed))
        found = allocate(layers, total, prices, aim)
        every = [(loss_of(scores, counts), price_of(counts, prices))
                 for counts in all_counts(total)]
        hull = {min(every, key=lambda point, w=worth: point[0] + w * point[1])
                for worth in [0., *torch.logspace(-4, 4, 200).tolist()]}
        loss, price = loss_of(scores, found), price_of(found, prices)
        bound = (loss_of(scores, layers.even(total)) if aim == 'ms' else
                 price_of(SIZES, prices) * total / sum(SIZES.values()))
        own, other = (0, 1) if aim == 'ms' else (1, 0)
        assert (loss, price)[own] <= bound + 1e-9
        allowed = [point for point in every if point[own] <= bound + 1e-9]
        best = min(point[other] for point in hull if point in allowed)
        assert min(point[other] for point in allowed) <= (loss, price)[other] + 1e-9
        assert (loss, price)[other] <= best + 1e-9


def test_alike_prices_leave_the_draw_over_all_layers():
    scores = scores_of(1)
    for aim in ('ms', 'magnitude'):
        counts = allocate(Layers(scores), 7, dict.fromkeys(SIZES, 0.5), aim)
        mask = draw_counts(scores, counts)
        drawn = draw_mask(scores, 11 / 18)
        assert all(torch.equal(mask[name], drawn[name]) for name in SIZES)


def test_dear_layers_keep_less_than_by_magnitude_alone():
    scores = {name: torch.linspace(0.1, 1, 100) for name in 'abc'}
    layers, prices = Layers(scores), dict(a=1., b=2., c=8.)
    counts = allocate(layers, 60, prices, 'ms')
    assert counts['a'] >= counts['b'] >= counts['c'] and sum(counts.values()) == 60
    assert price_of(counts, prices) <= price_of(layers.even(60), prices)
    apart = {**scores, 'c': scores['c'] * 30}
    by_worth = allocate(Layers(apart), 60, prices, 'magnitude')
    assert Layers(apart).loss(by_worth) < Layers(apart).loss(layers.even(60))
    assert price_of(by_worth, prices) <= price_of(layers.even(60), prices) + 1e-9


def test_weights_that_a_mask_prunes_stay_pruned():
    scores = scores_of(2)
    previous = draw_mask(scores, 0.5)
    counts = allocate(Layers(scores, previous), 5, prices_of(2), 'ms')
    mask = draw_counts(scores, counts, previous)
    assert mask.total - mask.pruned == 5
    assert all((mask[name] <= previous[name]).all() for name in SIZES)
    more = allocate(Layers(scores, previous), 17, prices_of(2), 'ms')
    assert more == {name: int(kept.sum()) for name, kept in previous.items()}, 'no more are left'


def test_equal_scores_fill_layers_in_their_order():
    scores = {name: torch.full((4, ), 0.5) for name in 'ab'}
    assert Layers(scores).counts(5, dict(a=0., b=0.), 0.) == dict(a=4, b=1)
    nothing = {name: torch.zeros(4) for name in 'ab'}
    assert sum(allocate(Layers(nothing), 3, dict(a=1., b=2.)).values()) == 3


@pytest.mark.parametrize('scale', [1e-6, 1., 1e4])
@pytest.mark.parametrize('price', [1e-9, 1., 1e6])
def test_no_scale_of_scores_or_prices_matters(scale, price):
    scores, prices = scores_of(3), prices_of(3)
    expected = allocate(Layers(scores), 8, prices)
    found = allocate(Layers({name: score * scale for name, score in scores.items()}), 8,
                     {name: value * price for name, value in prices.items()})
    assert found == expected


def test_masks_keep_exactly_the_counts():
    scores = {name: torch.randn(3, 7).abs() for name in 'abc'}
    mask = draw_counts(scores, dict(a=0, b=21, c=5))
    assert isinstance(mask, Mask)
    assert [int(mask[name].sum()) for name in 'abc'] == [0, 21, 5]
    assert float(scores['c'][mask['c']].min()) > float(scores['c'][~mask['c']].max())
    assert kept_in_all(scores, 0.9) == 63 - 57


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(ConfigError, match='not finite'):
        Layers(dict(a=torch.tensor([1., float('nan')])))
