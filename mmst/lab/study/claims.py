"""Checks whether the paper's orderings hold."""
from collections.abc import Mapping, Sequence

HOLDS, FAILS, OPEN, MISSING = 'holds', 'does not hold', 'not resolved', 'not run'
#: Seeds that an ordering needs.
SEEDS = 3

#: Seed to score.
Scores = Mapping[int, float]


def verdict(higher: Scores, lower: Scores, dense: Scores) -> str:
    """Return whether the first of two runs scores above the second, by runs of the same seeds.

    Args:
        higher (Mapping[int, float]): Scores of the paper's higher one, by seed.
        lower (Mapping[int, float]): Scores of its lower one.
        dense (Mapping[int, float]): Scores of the dense network, whose spread over seeds a
            difference must exceed.

    Returns:
        str: ``'holds'`` where the first scores higher under every seed that both have, and on
        average by more than the dense network's spread; ``'does not hold'`` in the opposite case;
        ``'not resolved'`` otherwise, and with fewer than :data:`SEEDS` seeds.
    """
    if not higher or not lower:
        return MISSING
    paired = differences(higher, lower)
    if min(len(paired), len(dense)) < SEEDS:
        return OPEN
    spread = max(dense.values()) - min(dense.values())
    if min(paired) > 0 and sum(paired) / len(paired) > spread:
        return HOLDS
    return FAILS if max(paired) < 0 and -sum(paired) / len(paired) > spread else OPEN


def differences(higher: Scores, lower: Scores) -> list[float]:
    """Return how much the first scores above the second under each seed that both have."""
    return [higher[seed] - lower[seed] for seed in sorted(set(higher) & set(lower))]


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, None of nothing."""
    return sum(values) / len(values) if values else None
