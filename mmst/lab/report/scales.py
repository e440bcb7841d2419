"""Maps values to places in a drawing."""
import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps ``low`` … ``high`` to the places ``start`` … ``end``."""
    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.
        return self.start + (value - self.low) / span * (self.end - self.start)

    def ticks(self, count: int = 5, whole: bool = False) -> list[float]:
        """Return about ``count`` round values within the range; ``whole`` numbers if asked."""
        from matplotlib.ticker import MaxNLocator
        steps = [1, 2, 5, 10] if whole else [1, 2, 2.5, 5, 10]
        found = MaxNLocator(count, steps=steps, integer=whole).tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        return [float(v) for v in found if self.low - slack <= v <= self.high + slack]


def limits(values: Sequence[float], zero: bool = True) -> tuple[float, float]:
    """Return the smallest and largest finite value, with some room above; from 0 on where ``zero``.
    """
    finite = [v for v in values if math.isfinite(v)]
    low, high = min(finite, default=0.), max(finite, default=1.)
    low = min(low, 0.) if zero else low
    room = 0.06 * (high - low) or abs(high) * 0.06 or 1.
    return (low if zero and low >= 0 else low - room), high + room


def short(value: float) -> str:
    """Return a number for an axis: ``'1.5M'``, ``'20G'``, ``'0.25'``."""
    for unit, letter in ((1e12, 'T'), (1e9, 'G'), (1e6, 'M'), (1e3, 'k')):
        if abs(value) >= unit:
            return f'{value / unit:.4g}{letter}'
    return f'{value:.4g}'
