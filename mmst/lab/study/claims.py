"""Checks whether the paper's orderings hold."""
from collections.abc import Sequence

HOLDS, FAILS, OPEN, MISSING = 'holds', 'does not hold', 'not resolved', 'not run'


def verdict(higher: Sequence[float], lower: Sequence[float]) -> str:
    """Return whether the first of two runs scores above the second, beyond the spread over seeds.

    Args:
        higher (Sequence[float]): Scores of the paper's higher one, a value a seed.
        lower (Sequence[float]): Scores of its lower one.

    Returns:
        str: ``'holds'`` where even the worst seed of the first is above the best of the second,
        ``'does not hold'`` in the opposite case, ``'not resolved'`` where the ranges meet or
        where there is but one seed, so that the spread is not known.
    """
    if not higher or not lower:
        return MISSING
    if min(len(higher), len(lower)) < 2:
        return OPEN
    if min(higher) > max(lower):
        return HOLDS
    return FAILS if max(higher) < min(lower) else OPEN


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, None of nothing."""
    return sum(values) / len(values) if values else None
