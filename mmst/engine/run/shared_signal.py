"""Lets several processes end at the same step when a signal has reached one of them."""
import time

import torch
from mmengine import dist

from .stop import StopSignals

#: Seconds between two exchanges, and the most steps.
RATE, MOST = 1., 50


class SharedSignal:
    """Finds the signal that ends a run, on all processes in the same step.

    They exchange about once a second, as an exchange at each step would cost time.
    """

    def __init__(self) -> None:
        self._until_exchange, self._steps, self._moment = 1, 0, 0.

    def begin(self) -> None:
        """Measure the time of steps from now on."""
        self._moment = time.monotonic()

    def agree(self, signals: StopSignals, now: bool = False) -> int | None:
        """Return the signal that ends the run now, on all processes alike.

        Args:
            signals (StopSignals): Those that have reached this process.
            now (bool): Whether to exchange in any case.
        """
        if dist.get_world_size() == 1:
            return signals.asked if signals.deferring else None
        if not signals.deferring:
            return None
        self._steps += 1
        if self._steps < self._until_exchange and not now:
            return None
        took = (time.monotonic() - self._moment) / self._steps
        steps = min(MOST, max(1, int(RATE / max(took, 1e-3))))
        negative, self._until_exchange = smallest_of_ranks(-(signals.asked or 0), steps)
        self._steps, self._moment = 0, time.monotonic()
        return -negative or None


def smallest_of_ranks(*numbers: int) -> list[int]:
    """Return the smallest of each number over all processes."""
    if dist.get_world_size() == 1:
        return list(numbers)
    found = torch.tensor(numbers)
    dist.all_reduce(found, 'min')
    return found.tolist()
