"""Runs each candidate once a round, so that other work on the machine hits all alike."""
import os
import statistics
import time
from collections.abc import Callable

import torch

#: Candidate to (clock, processor) in seconds, one a round.
Times = dict[str, list[tuple[float, float]]]


def measure(candidates: dict[str, Callable[[], object]], rounds: int, warmup: int = 1,
            prepare: Callable[[str], object] = lambda name: None) -> Times:
    """Return seconds of each call, by the clock and of processor; the first rounds are dropped.

    ``prepare(name)`` is called before each candidate's call and not timed. A call ends when a GPU,
    if there is one, has ended what it was given.
    """
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    times: Times = {name: [] for name in candidates}
    for number in range(rounds + warmup):
        for name, run in candidates.items():
            prepare(name)
            wait()
            start, busy = time.perf_counter(), time.process_time()
            run()
            wait()
            busy, passed = time.process_time() - busy, time.perf_counter() - start
            if number >= warmup:
                times[name].append((passed, busy))
    return times


def summary(times: Times, reference: str, by: str = 'processor') -> dict[str, dict]:
    """Return medians in milliseconds, and the median over the rounds of the ratio to ``reference``.

    ``by`` tells which time ratios are of: ``'processor'``, or ``'clock'``, since a process that
    waits for a GPU takes no processor time. ``'ms'`` is the median of that time.
    """
    found, kind = {}, ('clock', 'processor').index(by)
    for name, own in times.items():
        ratios = [
            theirs[kind] / mine[kind] for mine, theirs in zip(own, times[reference], strict=True)
        ]
        found[name] = dict(
            ms=1e3 * statistics.median(t[kind] for t in own),
            clock_ms=1e3 * statistics.median(t for t, _ in own),
            processor_ms=1e3 * statistics.median(t for _, t in own),
            fastest_ms=1e3 * min(t for _, t in own),
            speedup=statistics.median(ratios), speedups=[min(ratios), max(ratios)])
    return found


def load() -> float:
    """Return the load average of the machine."""
    return round(os.getloadavg()[0], 1)
