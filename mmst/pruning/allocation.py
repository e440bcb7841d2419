"""Chooses how many weights each layer keeps, where a weight costs more in some than in others."""
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from torch import Tensor

from .draw import check_scores, count_to_prune, draw_mask
from .mask import Mask

#: Layer to its number of kept weights.
Counts = dict[str, int]
#: The figures that an allocation keeps small; the other is no larger than that of an even draw.
AIMS = ('ms', 'magnitude')
#: Halvings of the interval in which a threshold, or the worth of a millisecond, is looked for.
_THRESHOLD_STEPS, _WORTH_STEPS = 60, 22
#: The lowest worth above 0 that is tried, as a share of the highest.
_LOWEST = 1e-12
#: Prices that lie so near, as a share of the highest, are alike.
_ALIKE = 1e-6


class Layers:
    """Knows the loss of magnitude for each number of weights that layers keep, the largest first.

    The loss is the sum of squares of the scores of weights that go.

    Args:
        scores (Mapping[str, Tensor]): Layer to the scores of its weights.
        previous (Mask, optional): Weights that it prunes stay pruned.
    """

    def __init__(self, scores: Mapping[str, Tensor], previous: Mask | None = None):
        self.worths: dict[str, npt.NDArray[np.float64]] = {}
        for name, score in scores.items():
            check_scores(score)
            values = score.detach().flatten()
            if previous is not None:
                values = values[previous[name].flatten().to(values.device)]
            squares = values.double().square().cpu().numpy()
            squares.sort()
            self.worths[name] = squares
        self.sizes = {name: score.numel() for name, score in scores.items()}
        self._lost = {name: np.concatenate([[0.], np.cumsum(squares)])
                      for name, squares in self.worths.items()}

    def loss(self, counts: Mapping[str, int]) -> float:
        """Return the loss of magnitude where layers keep ``counts`` of their weights."""
        return float(sum(lost[max(len(lost) - 1 - counts[name], 0)]
                         for name, lost in self._lost.items()))

    def holding(self, counts: Mapping[str, int], share: float) -> Counts:
        """Return the least counts that hold a share of the sum of squares that ``counts`` hold."""
        found = {}
        for name, lost in self._lost.items():
            there = len(lost) - 1
            may_go = lost[-1] - share * (lost[-1] - lost[max(there - counts[name], 0)])
            found[name] = min(there - int(lost.searchsorted(may_go, 'right')) + 1, counts[name])
        return found

    def even(self, total: int) -> Counts:
        """Return the counts of a draw that keeps the same share of each layer, rounded down."""
        whole = max(sum(self.sizes.values()), 1)
        return {name: size * total // whole for name, size in self.sizes.items()}

    def whole(self, total: int) -> Counts:
        """Return the counts of a draw over all layers together, of which none costs anything."""
        return self.counts(total, dict.fromkeys(self.worths, 0.), 0.)

    def counts(self, total: int, prices: Mapping[str, float], worth: float,
               least: Mapping[str, int] | None = None) -> Counts:
        """Return the counts with the least sum of loss and ``worth`` times the kept weights' price.

        Args:
            total (int): Weights that are kept in all; all that there are where these are fewer.
            prices (Mapping[str, float]): Layer to the price of one of its weights.
            worth (float): Of a unit of the price, in squares of magnitude.
            least (Mapping[str, int], optional): Layer to the weights that it keeps in any case, no
                more than ``total`` in all.
        """
        offsets = {name: worth * prices[name] for name in self.worths}

        def above(level: float) -> Counts:
            return {name: max(len(squares) - int(squares.searchsorted(level + offsets[name],
                                                                      'right')),
                              min((least or {}).get(name, 0), len(squares)))
                    for name, squares in self.worths.items()}

        total = min(total, sum(map(len, self.worths.values())))
        highest = max((squares[-1] for squares in self.worths.values() if len(squares)), default=0.)
        low, high = -max(offsets.values(), default=0.) - max(highest, 1e-30), highest
        for _ in range(_THRESHOLD_STEPS):
            middle = (low + high) / 2
            counts = above(middle)
            there = sum(counts.values())
            if there == total:
                return counts
            low, high = (middle, high) if there > total else (low, middle)
        found, most = above(high), above(low)
        missing = total - sum(found.values())
        for name, count in most.items():  # of equals the first ones stay
            more = min(missing, count - found[name])
            found[name], missing = found[name] + more, missing - more
        return found


def price_of(counts: Mapping[str, int], prices: Mapping[str, float]) -> float:
    """Return the price of ``counts`` weights of each layer."""
    return float(sum(prices[name] * count for name, count in counts.items()))


def find_worth(layers: Layers, total: int, prices: Mapping[str, float], aim: str = 'ms',
               time: Callable[[Counts], float] | None = None,
               most: float | None = None, least: Mapping[str, int] | None = None) -> float:
    """Return the worth of a unit of price that leads :meth:`Layers.counts` to the aim.

    Args:
        layers (Layers): Losses.
        total (int): Weights that are kept in all.
        prices (Mapping[str, float]): Layer to the price of one of its weights, 0 or above.
        aim (str): ``'ms'``: the least price, without a greater loss than that of an even draw,
            which keeps the same share of each layer; ``'magnitude'``: the least loss, in no more
            time than that of an even draw.
        time (Callable, optional): Gives the time of counts. Defaults to None: their price.
        most (float, optional): The time that ``'magnitude'`` may take. Defaults to None: that of an
            even draw.
        least (Mapping[str, int], optional): As of :meth:`Layers.counts`.
    """
    measure = time or (lambda counts: price_of(counts, prices))
    even, highest = layers.even(total), _highest_worth(layers, prices)

    def counts_of(worth: float) -> Counts:
        return layers.counts(total, prices, worth, least)

    if aim == 'ms':
        loss = layers.loss(even)
        return _bisect(counts_of, lambda counts: layers.loss(counts) <= loss, True, highest)
    if most is None:
        whole = max(sum(layers.sizes.values()), 1)
        most = time(even) if time else price_of(layers.sizes, prices) * total / whole
    bound = most * (1 + 1e-9)
    return _bisect(counts_of, lambda counts: measure(counts) <= bound, False, highest)


def allocate(layers: Layers, total: int, prices: Mapping[str, float], aim: str = 'ms',
             time: Callable[[Counts], float] | None = None) -> Counts:
    """Return how many weights each layer keeps; arguments as of :func:`find_worth`.

    No other counts have less loss at the same price, nor a lower price at the same loss, but
    between two corners of the convex hull of all that there are (Lagrange's multiplier is the
    worth).
    """
    return layers.counts(total, prices, find_worth(layers, total, prices, aim, time))


def _highest_worth(layers: Layers, prices: Mapping[str, float]) -> float:
    """Return a worth at which the price alone decides; 0 where it decides nothing."""
    steps = np.diff(np.unique(list(prices.values())))
    highest = max((squares[-1] for squares in layers.worths.values() if len(squares)), default=0.)
    if not len(steps) or highest == 0:
        return 0.
    return 2 * float(highest) / max(float(steps.min()), _ALIKE * max(prices.values()))


def _bisect(at: Callable[[float], Counts], fits: Callable[[Counts], bool], small: bool,
            highest: float) -> float:
    """Return the highest worth whose counts fit, or else the lowest.

    Args:
        at (Callable): Gives counts of a worth.
        fits (Callable): Says whether counts are allowed.
        small (bool): Whether those of worths up to a bound are, and the highest is wanted; else
            those from a bound on, and the lowest is wanted.
        highest (float): No worth above makes a difference.
    """
    wanted, found = (highest, 0.) if small else (0., highest)
    if highest == 0 or fits(at(wanted)):
        return wanted
    low, high = highest * _LOWEST, highest
    for _ in range(_WORTH_STEPS):
        middle = float(np.sqrt(low * high))
        allowed = fits(at(middle))
        found = middle if allowed else found
        low, high = (middle, high) if allowed == small else (low, middle)
    return found


def draw_counts(scores: Mapping[str, Tensor], counts: Mapping[str, int],
                previous: Mask | None = None) -> Mask:
    """Return the mask that keeps ``counts`` weights of each layer, those with the highest scores.

    Ties go by position, as of :func:`draw_mask`.
    """
    parts = [draw_mask({name: score}, (score.numel() - counts[name]) / max(score.numel(), 1),
                       previous=previous) for name, score in scores.items()]
    return Mask({name: kept for part in parts for name, kept in part.items()})


def kept_in_all(scores: Mapping[str, Tensor], ratio: float) -> int:
    """Return how many weights a sparsity leaves."""
    total = sum(score.numel() for score in scores.values())
    return total - count_to_prune(total, ratio)
